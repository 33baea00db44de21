import type { AgentId, MethodsOf, Params } from "@armorclaw/protocol";
import { BridgeError } from "@armorclaw/protocol/errors";
import {
  answerOffer,
  type CallSession,
  type Calls,
  type IceCandidate,
  openCall,
  type StartRequest,
} from "../adapters/webrtc/index.ts";
import type { Handlers } from "../rpc/index.ts";
import { iso } from "./time.ts";

/**
 * @param calls undefined when calls are switched off
 * @param baseUrl where browsers find the call page; undefined when no listener serves it
 */
export function webrtcHandlers(
  calls: Calls | undefined,
  baseUrl: () => string | undefined,
): Handlers<MethodsOf<"webrtc">> {
  const enabled = () => {
    if (calls === undefined) throw new BridgeError("CALLS_DISABLED");
    return calls;
  };
  return { ...joiningHandlers(enabled, baseUrl), ...controlHandlers(enabled), ...readingHandlers(enabled) };
}

type Joining = "webrtc.start" | "webrtc.answer" | "webrtc.ice_candidate";
type Control = "webrtc.end" | "webrtc.mute" | "webrtc.hold";

function joiningHandlers(enabled: () => Calls, baseUrl: () => string | undefined): Handlers<Joining> {
  return {
    "webrtc.start": async (params, { principal }) => {
      const opened = await openCall(enabled(), principal, startRequest(params), params.offer);
      const { session, token, expiresAtMs, answer } = opened;
      const turn = enabled().turn(session);
      const base = baseUrl();
      return {
        session_id: session.id,
        token,
        expires_at: iso(expiresAtMs),
        sdp_answer: answer,
        turn_credentials:
          turn === undefined
            ? null
            : {
                urls: [...turn.urls],
                username: turn.username,
                credential: turn.credential,
                password: turn.credential,
                ttl_s: turn.ttlSeconds,
              },
        signaling_url: base === undefined ? "" : `${base.replace(/^http/, "ws")}/call/signaling`,
        call_url: base === undefined ? "" : `${base}/call/#token=${token}`,
      };
    },
    "webrtc.answer": async ({ session_id, offer }, { principal }) => {
      const session = enabled().get(session_id, principal);
      const sdp = await answerOffer(enabled(), session, offer);
      return { session_id, sdp_answer: sdp, candidates: session.candidates.map(onWire) };
    },
    "webrtc.ice_candidate": async ({ session_id, candidate }, { principal }) => {
      const session = enabled().get(session_id, principal);
      session.assertLive();
      const text = typeof candidate === "string" ? candidate : candidate?.candidate;
      const isTaken = text === undefined || text === "" ? undefined : await enabled().addCandidate(session, text);
      return {
        status: isTaken === undefined ? "none_given" : isTaken ? "candidate_added" : "candidate_ignored",
        candidates: session.candidates.map(onWire),
        is_complete: session.isGathered,
      };
    },
  };
}

function controlHandlers(enabled: () => Calls): Handlers<Control> {
  return {
    "webrtc.end": ({ session_id }, { principal }) => {
      const session = enabled().get(session_id, principal);
      enabled().end(session, "hang_up");
      return { status: "ended", session_id, duration_ms: session.durationMs };
    },
    "webrtc.mute": async ({ session_id, muted }, { principal }) => {
      const session = enabled().get(session_id, principal);
      await enabled().mute(session, muted);
      return infoOf(enabled(), session);
    },
    "webrtc.hold": async ({ session_id, held }, { principal }) => {
      const session = enabled().get(session_id, principal);
      await enabled().hold(session, held);
      return infoOf(enabled(), session);
    },
  };
}

function readingHandlers(enabled: () => Calls): Handlers<Exclude<MethodsOf<"webrtc">, Joining | Control>> {
  return {
    "webrtc.list": ({ room_id, state }) => {
      const all = enabled().list();
      const shown = all.filter(({ plan, state: current }) => {
        return (room_id ?? plan.roomId) === plan.roomId && (state ?? current) === current;
      });
      return {
        sessions: shown.map((session) => infoOf(enabled(), session)),
        active_sessions: all.filter((session) => !session.hasEnded).length,
        active_calls: all.filter((session) => session.state === "active" || session.state === "held").length,
      };
    },
    "webrtc.get_audit_log": ({ session_id, room_id, event_type, limit, cursor }) => {
      const query = { sessionId: session_id, roomId: room_id, event: event_type, beforeId: cursor, limit };
      const entries = enabled().records.read(query);
      return {
        entries: entries.map(({ id, timeMs, event, sessionId, roomId, principal, detail }) => ({
          id,
          time: iso(timeMs),
          event_type: event,
          detail,
          session_id: sessionId ?? null,
          room_id: roomId ?? null,
          principal: principal ?? null,
        })),
        count: entries.length,
        next_cursor: entries.length === limit ? (entries.at(-1)?.id ?? null) : null,
      };
    },
  };
}

const startRequest = (params: Params<"webrtc.start">): StartRequest => ({
  userId: params.user_id,
  roomId: params.room_id,
  agentId: params.agent_id,
  sttAgentId: params.stt_agent_id,
  ttsAgentId: params.tts_agent_id,
  rate: params.sample_rate,
  relayOnly: params.relay_only,
  bargeIn: params.barge_in,
  recordingWanted: params.recording,
  maxDurationMs: params.max_duration_ms,
  tokenTtlMs: params.ttl_ms ?? classicDurationMs(params.ttl),
});

/** `1h30m` in milliseconds. An empty one is none. */
function classicDurationMs(text: string | undefined): number | undefined {
  const [, hours = "0", minutes = "0", seconds = "0"] = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(text ?? "") ?? [];
  const total = ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000;
  return total === 0 ? undefined : Math.min(total, 3_600_000);
}

const onWire = ({ candidate, sdpMid, sdpMLineIndex }: IceCandidate) => ({
  candidate,
  sdp_mid: sdpMid,
  sdp_mline_index: sdpMLineIndex,
});

function infoOf(calls: Calls, session: CallSession) {
  const { plan, state, endReason, isMuted, createdAtMs, durationMs } = session;
  return {
    session_id: session.id,
    room_id: plan.roomId,
    principal: plan.principal,
    user_id: plan.userId ?? null,
    agent_id: (plan.agentId ?? null) as AgentId | null,
    state,
    end_reason: endReason ?? null,
    is_muted: isMuted,
    is_recording: calls.isRecording(session),
    created_at: iso(createdAtMs),
    duration_ms: Math.round(durationMs),
    duration: Math.round(durationMs / 1000),
    container_id: plan.agentId ?? "",
  };
}
