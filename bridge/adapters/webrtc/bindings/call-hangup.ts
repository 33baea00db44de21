import type { EventData } from "@armorclaw/protocol";
import type { DurableEventLog } from "../../../events/index.ts";
import type { Logger } from "../../../logging/index.ts";
import type { CallSession } from "../calls/call-session.ts";
import type { Calls } from "../calls/calls.ts";
import type { CallRooms } from "../calls/ports.ts";

/** After any of these events an agent does not return to the call that it was in. */
const agentEnds = ["agent.died", "agent.hung", "agent.stopped", "agent.failed"] as const;

/** Ends the calls of a member who leaves the room, of an agent that ends, and all calls when the bridge stops. */
export function endCallsWithTheirPeers(
  calls: Calls,
  rooms: CallRooms,
  log: Pick<DurableEventLog, "watch">,
  logger: Logger,
): void {
  log.watch({ channels: ["agent.>", "bridge.>"], types: [...agentEnds, "bridge.draining"] }, ({ type, data }) => {
    // This comes before the agents are stopped, so that callers get the true reason.
    if (type === "bridge.draining") calls.endAll("shutdown", () => true);
    else {
      const { agent_id: agentId } = data as EventData<(typeof agentEnds)[number]>;
      calls.endAll("agent_gone", ({ plan }) => [plan.agentId, plan.sttAgentId, plan.ttsAgentId].includes(agentId));
    }
  });
  const isStillMember = async ({ plan }: CallSession) =>
    plan.userId === undefined || (await rooms.isMember(plan.roomId, plan.userId));
  const check = async (session: CallSession) => {
    try {
      if (!(await isStillMember(session))) calls.end(session, "left_room");
    } catch (error) {
      logger.warn({ error, session_id: session.id }, "Whether a caller is still in the room could not be read");
    }
  };
  rooms.listen({
    left: (roomId, userId) => {
      const isOwn = userId === rooms.ownId;
      calls.endAll("left_room", ({ plan }) => plan.roomId === roomId && (isOwn || plan.userId === userId));
    },
    live: () => {
      for (const session of calls.list().filter(({ hasEnded }) => !hasEnded)) void check(session);
    },
  });
}
