import * as z from "zod";
import { CallEndReason, CallSessionId, CallState } from "../methods/webrtc.ts";
import { defineEvent } from "../types/define.ts";
import { AgentId, PrincipalId } from "../types/ids.ts";

const call = {
  session_id: CallSessionId,
  room_id: z.string(),
  principal: PrincipalId,
  agent_id: AgentId.nullable(),
};
const example = {
  session_id: "sess_0123456789abcdef0123456789abcdef",
  room_id: "!abc:example.org",
  principal: "user:1000",
  agent_id: "helper-1",
};

const stateChanged = defineEvent({
  summary: "A call changed its state.",
  channel: "webrtc.<session_id>.state_changed",
  priority: "normal",
  data: z.object({ ...call, from: CallState, state: CallState }),
  example: { ...example, from: "connecting", state: "active" },
});

const ended = defineEvent({
  summary: "A call ended.",
  channel: "webrtc.<session_id>.ended",
  priority: "normal",
  data: z.object({ ...call, reason: CallEndReason, duration_ms: z.int() }),
  example: { ...example, reason: "hang_up", duration_ms: 61_000 },
});

const transcript = defineEvent({
  summary: "Speech in a call was transcribed, or an agent spoke a text.",
  channel: "webrtc.<session_id>.transcript",
  priority: "low",
  data: z.object({ ...call, who: z.enum(["caller", "agent"]), text: z.string(), is_final: z.boolean() }),
  example: { ...example, who: "caller", text: "approve the deployment", is_final: true },
});

/** Every event of this file, by its type. */
export const webrtcEvents = {
  "webrtc.state_changed": stateChanged,
  "webrtc.ended": ended,
  "webrtc.transcript": transcript,
} as const;
