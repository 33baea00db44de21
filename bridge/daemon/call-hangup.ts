import type { EventData } from "@armorclaw/protocol";
import type { CallSession, Calls } from "../adapters/webrtc/index.ts";
import type { DurableEventLog } from "../events/index.ts";
import type { Logger } from "../logging/index.ts";
import type { RoomSight } from "./matrix.ts";

/** An agent that ended in any of these ways does not come back to the call that it was in. */
const agentEnds = ["agent.died", "agent.hung", "agent.stopped", "agent.failed"] as const;

/** Ends calls with those who are in them: the member who left the room, the agent that died, the bridge itself. */
export function watchPresence(
  calls: Calls,
  rooms: RoomSight,
  log: Pick<DurableEventLog, "watch">,
  logger: Logger,
): void {
  log.watch({ channels: ["agent.>", "bridge.>"], types: [...agentEnds, "bridge.draining"] }, ({ type, data }) => {
    // Before the agents are ended: callers are told why it is.
    if (type === "bridge.draining") calls.endAll("shutdown", () => true);
    else {
      const { agent_id: agentId } = data as EventData<(typeof agentEnds)[number]>;
      calls.endAll("agent_gone", ({ plan }) => [plan.agentId, plan.sttAgentId, plan.ttsAgentId].includes(agentId));
    }
  });
  const stay = async ({ plan }: CallSession) =>
    plan.userId === undefined || (await rooms.isMember(plan.roomId, plan.userId));
  rooms.listen({
    left: (roomId, userId) => {
      const isOwn = userId === rooms.ownId();
      calls.endAll("left_room", ({ plan }) => plan.roomId === roomId && (isOwn || plan.userId === userId));
    },
    live: () => {
      for (const session of calls.list().filter(({ hasEnded }) => !hasEnded))
        stay(session).then(
          (stays) => {
            if (!stays) calls.end(session, "left_room");
          },
          (error: unknown) =>
            logger.warn({ error, session_id: session.id }, "Whether a caller is in the room is not known"),
        );
    },
  });
}
