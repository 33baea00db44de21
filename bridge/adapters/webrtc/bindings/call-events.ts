import type { AgentId, EventData } from "@armorclaw/protocol";
import type { PublishEvent } from "../../../events/index.ts";
import type { CallSession } from "../calls/call-session.ts";
import type { CallsDeps } from "../calls/call-types.ts";

type EndReason = NonNullable<CallSession["endReason"]>;

/**
 * Publishes an event for each change of a call's state and for each transcript.
 * @param onEnded called after the event of a call's end
 */
export function callEvents(
  publish: PublishEvent,
  onEnded: (sessionId: string, reason: EndReason) => void,
): Pick<CallsDeps, "onState" | "onTranscript"> {
  return {
    onState: (session, from) => {
      publish("webrtc.state_changed", "bridge", { ...subjectOf(session), from, state: session.state });
      const { endReason, durationMs } = session;
      if (endReason === undefined) return;
      const duration_ms = Math.round(durationMs);
      publish("webrtc.ended", "bridge", { ...subjectOf(session), reason: endReason, duration_ms });
      onEnded(session.id, endReason);
    },
    onTranscript: (session, { who, text, isFinal }) =>
      publish("webrtc.transcript", "bridge", { ...subjectOf(session), who, text, is_final: isFinal }),
  };
}

const subjectOf = ({
  plan,
}: CallSession): Pick<EventData<"webrtc.transcript">, "session_id" | "room_id" | "principal" | "agent_id"> => ({
  session_id: plan.sessionId,
  room_id: plan.roomId,
  principal: plan.principal,
  // Agents' ids were parsed where the call was requested.
  agent_id: (plan.agentId ?? null) as AgentId | null,
});
