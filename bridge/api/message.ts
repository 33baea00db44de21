import type { EventEnvelope } from "@armorclaw/protocol";
import type { Mailbox, Sent } from "../events/index.ts";
import type { AgentDirectory } from "../lifecycle/index.ts";
import type { Handlers } from "../rpc/index.ts";

export function messageHandlers(
  mailbox: Mailbox,
  rights: Pick<AgentDirectory, "assertMaySend">,
): Handlers<"agent.send"> {
  return {
    "agent.send": async (params, { principal, signal }) => {
      const { agent_id: agentId, kind, data, reply_within_ms, in_reply_to: inReplyTo } = params;
      const to = mailbox.receiver(principal, { agentId, inReplyTo }, rights);
      const message = { from: principal.id, to, kind, data, inReplyTo };
      if (reply_within_ms === undefined) {
        const { id, unread } = await mailbox.send(message);
        return { id, reply: null, unread: unreadOut(unread) };
      }
      const { id, reply, unread } = await mailbox.ask(message, reply_within_ms, signal);
      return { id, reply: replyOut(reply), unread: unreadOut(unread) };
    },
  };
}

const unreadOut = (unread: Sent["unread"]) =>
  unread === undefined ? null : { messages: unread.messages, bytes: unread.bytes, has_reader: unread.hasReader };

function replyOut({ id, data }: EventEnvelope) {
  const { kind, data: body } = data as { kind: string; data: Record<string, unknown> };
  return { id, kind, data: body };
}
