import { BridgeError, type EventEnvelope, type Params, type Principal } from "@armorclaw/protocol";
import type { Mailbox, Sent } from "../events/index.ts";
import type { AgentDirectory } from "../lifecycle/index.ts";
import type { Handlers } from "../rpc/index.ts";

type MessageRights = Pick<AgentDirectory, "assertMaySend">;

export function messageHandlers(mailbox: Mailbox, rights: MessageRights): Handlers<"agent.send"> {
  return {
    "agent.send": async (params, { principal, signal }) => {
      const { kind, data, reply_within_ms, in_reply_to } = params;
      const to = receiver(mailbox, rights, principal, params);
      const message = { from: principal.id, to, kind, data, inReplyTo: in_reply_to };
      if (reply_within_ms === undefined) {
        const { id, unread } = await mailbox.send(message);
        return { id, reply: null, unread: unreadOut(unread) };
      }
      const { id, reply, unread } = await mailbox.ask(message, reply_within_ms, signal);
      return { id, reply: replyOut(reply), unread: unreadOut(unread) };
    },
  };
}

function receiver(
  mailbox: Mailbox,
  rights: MessageRights,
  principal: Principal,
  { agent_id, in_reply_to }: Params<"agent.send">,
): string {
  if (in_reply_to === undefined) {
    if (agent_id === undefined)
      throw new BridgeError("INVALID_PARAMS", "Name the agent_id, or the message in_reply_to");
    rights.assertMaySend(principal, agent_id);
    return `agent:${agent_id}`;
  }
  const sender = mailbox.senderOf(in_reply_to, principal.id);
  if (sender !== undefined && (agent_id === undefined || sender === `agent:${agent_id}`)) return sender;
  throw new BridgeError("FORBIDDEN", `${principal.id} was not sent the message ${in_reply_to} by that sender`);
}

const unreadOut = (unread: Sent["unread"]) =>
  unread === undefined ? null : { messages: unread.messages, bytes: unread.bytes, has_reader: unread.hasReader };

function replyOut({ id, data }: EventEnvelope) {
  const { kind, data: body } = data as { kind: string; data: Record<string, unknown> };
  return { id, kind, data: body };
}
