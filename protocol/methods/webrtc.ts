import * as z from "zod";
import { defineMethod } from "../types/define.ts";
import { AgentId, DurationMs, PrincipalId, Timestamp } from "../types/ids.ts";
import { MatrixUserId } from "../types/matrix-info.ts";
import { operators, people } from "../types/roles.ts";

const RoomId = z.string().min(1).max(255).describe("The room that the call belongs to, e.g. !abc:example.org.");

export const CallSessionId = z
  .string()
  .regex(/^sess_[0-9a-f]{32}$/)
  .meta({ id: "CallSessionId", description: "One WebRTC voice call." });

const Sdp = z.string().min(1).max(40_000);

/** `90s`, `10m`, `1h30m`: as classic clients write durations. */
const ClassicDuration = z.string().regex(/^(?:\d+h)?(?:\d+m)?(?:\d+s)?$/, "Expected a duration such as 90s or 10m");

export const CallCandidate = z
  .object({
    candidate: z.string().max(512),
    sdp_mid: z.string().max(16).nullish(),
    sdp_mline_index: z.int().min(0).max(16).nullish(),
  })
  .meta({ id: "CallCandidate", description: "An ICE candidate. An empty one marks the end of candidates." });

export const TurnCredentials = z
  .object({
    urls: z.array(z.string()),
    username: z.string(),
    credential: z.string(),
    password: z.string().describe("The same as `credential`, under its classic name."),
    ttl_s: z.int(),
  })
  .meta({ id: "TurnCredentials", description: "Credentials for a TURN relay that shares a secret with the bridge." });

export const CallState = z.enum(["created", "connecting", "active", "held", "reconnecting", "ended"]).meta({
  id: "CallState",
  description: "created → connecting → active ⇄ held → ended; reconnecting while a disconnected caller may return.",
});
/** The life of a call. */
export type CallState = z.output<typeof CallState>;

export const CallEndReason = z
  .enum([
    "hang_up",
    "token_expired",
    "ice_failed",
    "setup_timeout",
    "media_timeout",
    "max_duration",
    "idle",
    "agent_gone",
    "left_room",
    "budget",
    "shutdown",
    "error",
  ])
  .meta({ id: "CallEndReason", description: "Why a call ended." });
/** Why a call ended. */
export type CallEndReason = z.output<typeof CallEndReason>;

export const CallInfo = z
  .object({
    session_id: CallSessionId,
    room_id: RoomId,
    principal: PrincipalId.describe("The principal that started the call."),
    user_id: MatrixUserId.nullable().describe("The member of the room who calls, if known."),
    agent_id: AgentId.nullable(),
    state: CallState,
    end_reason: CallEndReason.nullable(),
    is_muted: z.boolean(),
    is_recording: z.boolean(),
    created_at: Timestamp,
    duration_ms: z.int().describe("How long the call has been connected."),
    duration: z.int().describe("The duration in seconds, for classic clients."),
    container_id: z.string().describe("The agent's id, under its classic name."),
  })
  .meta({ id: "CallInfo" });

const sessionId = "sess_0123456789abcdef0123456789abcdef";
const exampleInfo = {
  session_id: sessionId,
  room_id: "!abc:example.org",
  principal: "user:1000",
  user_id: "@ann:example.org",
  agent_id: "helper-1",
  state: "active" as const,
  end_reason: null,
  is_muted: false,
  is_recording: false,
  created_at: "2026-11-21T08:00:00.000Z",
  duration_ms: 61_000,
  duration: 61,
  container_id: "helper-1",
};

const start = defineMethod({
  summary: "Open a voice call between a caller and an agent.",
  description:
    "The caller joins over signaling with `token`, or, when `offer` is given, with the answer that is returned at once. The caller offers and the bridge answers.",
  roles: operators,
  effect: "write",
  audited: true,
  params: z.strictObject({
    room_id: RoomId,
    user_id: MatrixUserId.optional().describe(
      "The person who will call. The person must be in the Matrix room, as the bridge sees it, and the call ends when the person leaves the room. In a Matrix room of the bridge, only admins may leave this out.",
    ),
    agent_id: AgentId.optional().describe(
      "The agent to call. Its media socket gets the audio, or the text where `stt_agent_id` is given.",
    ),
    stt_agent_id: AgentId.optional().describe("Transcribes the caller's speech for `agent_id`."),
    tts_agent_id: AgentId.optional().describe("Speaks the text of `agent_id` to the caller."),
    offer: Sdp.optional().describe("The caller's session description."),
    ttl: ClassicDuration.optional().describe("How long the token is valid, in the format of classic clients."),
    ttl_ms: DurationMs.min(1_000).optional().describe("How long the token is valid."),
    max_duration_ms: DurationMs.min(1_000).optional(),
    sample_rate: z.union([z.literal(8_000), z.literal(16_000), z.literal(24_000), z.literal(48_000)]).default(16_000),
    relay_only: z
      .boolean()
      .default(false)
      .describe("The caller connects through the relay, which hides the caller's address."),
    barge_in: z.boolean().default(true).describe("The agent's audio stops when the caller starts to speak."),
    recording: z
      .boolean()
      .default(false)
      .describe("Ask the caller for consent to a recording. Nothing is recorded before the caller agrees."),
  }),
  result: z.object({
    session_id: CallSessionId,
    token: z.string().describe("Admits one caller, once."),
    expires_at: Timestamp,
    sdp_answer: z.string().describe("The bridge's session description; empty when no offer was given."),
    turn_credentials: TurnCredentials.nullable(),
    signaling_url: z.string().describe("The signaling URL for browsers; empty when no listener serves it."),
    call_url: z.string().describe("The call page with its token; empty when no listener serves it."),
  }),
  errors: [
    "CALLS_DISABLED",
    "CALL_LIMIT_REACHED",
    "CALL_STATE_CONFLICT",
    "AGENT_NOT_FOUND",
    "CALL_OFFER_REFUSED",
    "CALL_MEDIA_FAILED",
    "MATRIX_LOGGED_OUT",
    "MATRIX_NOT_READY",
    "MATRIX_UNREACHABLE",
    "BUDGET_EXCEEDED",
    "BUDGET_FROZEN",
  ],
  example: {
    params: { room_id: "!abc:example.org", agent_id: "helper-1" },
    result: {
      session_id: sessionId,
      token: "v1.e30.c2ln",
      expires_at: "2026-11-21T08:01:00.000Z",
      sdp_answer: "",
      turn_credentials: null,
      signaling_url: "wss://bridge.example.org/call/signaling",
      call_url: "https://bridge.example.org/call/#token=v1.e30.c2ln",
    },
  },
});

const answer = defineMethod({
  summary: "Answer a caller's offer: its first one, or one that restarts ICE.",
  roles: operators,
  effect: "write",
  params: z.strictObject({ session_id: CallSessionId, offer: Sdp }),
  result: z.object({ session_id: CallSessionId, sdp_answer: z.string(), candidates: z.array(CallCandidate) }),
  errors: ["CALLS_DISABLED", "CALL_NOT_FOUND", "CALL_STATE_CONFLICT", "CALL_OFFER_REFUSED", "CALL_MEDIA_FAILED"],
  example: {
    params: { session_id: sessionId, offer: "v=0\r\n" },
    result: { session_id: sessionId, sdp_answer: "v=0\r\n", candidates: [] },
  },
});

const iceCandidate = defineMethod({
  summary: "Add a caller's ICE candidate, and get the bridge's candidates.",
  roles: operators,
  effect: "write",
  params: z.strictObject({
    session_id: CallSessionId,
    candidate: z
      .union([z.string().max(512), CallCandidate.extend({ sdpMid: z.unknown(), sdpMLineIndex: z.unknown() }).partial()])
      .optional()
      .describe("Leave it out to get the bridge's candidates only."),
  }),
  result: z.object({
    status: z
      .enum(["candidate_added", "candidate_ignored", "none_given"])
      .describe(
        "candidate_ignored: the bridge sends no checks to the candidate; the caller's own checks connect the call.",
      ),
    candidates: z.array(CallCandidate).describe("All candidates of the bridge so far."),
    is_complete: z.boolean(),
  }),
  errors: ["CALLS_DISABLED", "CALL_NOT_FOUND", "CALL_STATE_CONFLICT", "CALL_MEDIA_FAILED"],
  example: {
    params: { session_id: sessionId, candidate: "candidate:1 1 udp 2122260223 203.0.113.7 50000 typ host" },
    result: { status: "candidate_ignored", candidates: [], is_complete: false },
  },
});

const end = defineMethod({
  summary: "End a call. Ending one that has ended succeeds.",
  roles: operators,
  effect: "write",
  params: z.strictObject({ session_id: CallSessionId, reason: z.string().max(100).optional() }),
  result: z.object({ status: z.literal("ended"), session_id: CallSessionId, duration_ms: z.int() }),
  errors: ["CALLS_DISABLED", "CALL_NOT_FOUND"],
  example: {
    params: { session_id: sessionId },
    result: { status: "ended", session_id: sessionId, duration_ms: 61_000 },
  },
});

const mute = defineMethod({
  summary: "Mute a caller, or unmute the caller again.",
  roles: operators,
  effect: "write",
  params: z.strictObject({ session_id: CallSessionId, muted: z.boolean().default(true) }),
  result: CallInfo,
  errors: ["CALLS_DISABLED", "CALL_NOT_FOUND", "CALL_STATE_CONFLICT", "CALL_MEDIA_FAILED"],
  example: { params: { session_id: sessionId }, result: { ...exampleInfo, is_muted: true } },
});

const hold = defineMethod({
  summary: "Put a call on hold, or resume it. While it is held, no audio flows.",
  roles: operators,
  effect: "write",
  params: z.strictObject({ session_id: CallSessionId, held: z.boolean().default(true) }),
  result: CallInfo,
  errors: ["CALLS_DISABLED", "CALL_NOT_FOUND", "CALL_STATE_CONFLICT", "CALL_MEDIA_FAILED"],
  example: { params: { session_id: sessionId }, result: { ...exampleInfo, state: "held" } },
});

const list = defineMethod({
  summary: "List current calls and those that have just ended.",
  roles: people,
  effect: "read",
  params: z.strictObject({ room_id: RoomId.optional(), state: CallState.optional() }),
  result: z.object({
    sessions: z.array(CallInfo),
    active_sessions: z.int().describe("Sessions that have not ended."),
    active_calls: z.int().describe("Sessions that are connected."),
  }),
  errors: ["CALLS_DISABLED"],
  example: { params: {}, result: { sessions: [exampleInfo], active_sessions: 1, active_calls: 1 } },
});

const getAuditLog = defineMethod({
  summary: "Show the records of calls, newest first.",
  description: "The records hold who, when and why, but never audio, pressed keys or session descriptions.",
  roles: operators,
  effect: "read",
  params: z.strictObject({
    session_id: CallSessionId.optional(),
    room_id: RoomId.optional(),
    event_type: z.string().max(40).optional(),
    limit: z.int().min(1).max(500).default(100),
    cursor: z.int().min(1).optional().describe("`next_cursor` of the page before."),
  }),
  result: z.object({
    entries: z.array(
      z.object({
        id: z.int(),
        time: Timestamp,
        event_type: z.string(),
        session_id: z.string().nullable(),
        room_id: z.string().nullable(),
        principal: z.string().nullable(),
        detail: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
      }),
    ),
    count: z.int(),
    next_cursor: z.int().nullable(),
  }),
  errors: ["CALLS_DISABLED"],
  example: {
    params: { limit: 1 },
    result: {
      entries: [
        {
          id: 7,
          time: "2026-11-21T08:00:00.000Z",
          event_type: "session.ended",
          session_id: sessionId,
          room_id: "!abc:example.org",
          principal: "user:1000",
          detail: { reason: "hang_up", duration_ms: 61_000 },
        },
      ],
      count: 1,
      next_cursor: 7,
    },
  },
});

/** Every method of this file, by its name. */
export const webrtcMethods = {
  "webrtc.start": start,
  "webrtc.answer": answer,
  "webrtc.ice_candidate": iceCandidate,
  "webrtc.end": end,
  "webrtc.mute": mute,
  "webrtc.hold": hold,
  "webrtc.list": list,
  "webrtc.get_audit_log": getAuditLog,
} as const;
