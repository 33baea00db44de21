import type { AgentId, MethodsOf, Params, Principal } from "@armorclaw/protocol";
import { BridgeError } from "@armorclaw/protocol/errors";
import { type CallSession, type Calls, type IceCandidate, withCandidates } from "../adapters/webrtc/index.ts";
import type { Handlers } from "../rpc/index.ts";

/** Time for the bridge's own candidates to be found, so that an answer carries them for callers that do not trickle. */
const gatherMs = 1_000;

/**
 * @param calls undefined when calls are switched off
 * @param baseUrl where browsers find the call page; undefined when no listener serves it
 */
export function webrtcHandlers(
  calls: Calls | undefined,
  baseUrl: () => string | undefined,
): Handlers<MethodsOf<"webrtc">> {
  const desk = () => {
    if (calls === undefined) throw new BridgeError("CALLS_DISABLED");
    return calls;
  };
  return { ...joiningHandlers(desk, baseUrl), ...controlHandlers(desk), ...readingHandlers(desk) };
}

type Joining = "webrtc.start" | "webrtc.answer" | "webrtc.ice_candidate";
type Control = "webrtc.end" | "webrtc.mute" | "webrtc.hold";

function joiningHandlers(desk: () => Calls, baseUrl: () => string | undefined): Handlers<Joining> {
  return {
    "webrtc.start": async (params, { principal }) => {
      const { session, token, expiresAtMs } = await desk().open(principal, startRequest(params, principal));
      let answer = "";
      try {
        if (params.offer !== undefined) answer = await answerOf(desk(), session, params.offer);
      } catch (error) {
        desk().end(session, "error");
        throw error;
      }
      const turn = desk().turn(session);
      const base = baseUrl();
      return {
        session_id: session.id,
        token,
        expires_at: new Date(expiresAtMs).toISOString(),
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
      const session = desk().get(session_id, principal);
      const sdp = await answerOf(desk(), session, offer);
      return { session_id, sdp_answer: sdp, candidates: session.candidates.map(onWire) };
    },
    "webrtc.ice_candidate": async ({ session_id, candidate }, { principal }) => {
      const session = desk().get(session_id, principal);
      session.assertLive();
      const text = typeof candidate === "string" ? candidate : candidate?.candidate;
      const isTaken = text === undefined || text === "" ? undefined : await desk().addCandidate(session, text);
      return {
        status: isTaken === undefined ? "none_given" : isTaken ? "candidate_added" : "candidate_ignored",
        candidates: session.candidates.map(onWire),
        is_complete: session.isGathered,
      };
    },
  };
}

function controlHandlers(desk: () => Calls): Handlers<Control> {
  return {
    "webrtc.end": ({ session_id }, { principal }) => {
      const session = desk().get(session_id, principal);
      desk().end(session, "hang_up");
      return { status: "ended", session_id, duration_ms: session.durationMs };
    },
    "webrtc.mute": async ({ session_id, muted }, { principal }) => {
      const session = desk().get(session_id, principal);
      await desk().mute(session, muted);
      return infoOf(desk(), session);
    },
    "webrtc.hold": async ({ session_id, held }, { principal }) => {
      const session = desk().get(session_id, principal);
      await desk().hold(session, held);
      return infoOf(desk(), session);
    },
  };
}

function readingHandlers(desk: () => Calls): Handlers<Exclude<MethodsOf<"webrtc">, Joining | Control>> {
  return {
    "webrtc.list": ({ room_id, state }) => {
      const all = desk().list();
      const shown = all.filter(({ plan, state: current }) => {
        return (room_id ?? plan.roomId) === plan.roomId && (state ?? current) === current;
      });
      return {
        sessions: shown.map((session) => infoOf(desk(), session)),
        active_sessions: all.filter((session) => !session.hasEnded).length,
        active_calls: all.filter((session) => session.state === "active" || session.state === "held").length,
      };
    },
    "webrtc.get_audit_log": ({ session_id, room_id, event_type, limit, cursor }) => {
      const query = { sessionId: session_id, roomId: room_id, event: event_type, beforeId: cursor, limit };
      const entries = desk().records.read(query);
      return {
        entries: entries.map(({ id, timeMs, event, sessionId, roomId, principal, detail }) => ({
          id,
          time: new Date(timeMs).toISOString(),
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

const matrixPrefix = "matrix:";

/** @throws BridgeError FORBIDDEN when a person on Matrix names another */
function startRequest(params: Params<"webrtc.start">, { id }: Principal) {
  const own = id.startsWith(matrixPrefix) ? id.slice(matrixPrefix.length) : undefined;
  const userId = params.user_id ?? own;
  if (own !== undefined && own !== userId) throw new BridgeError("FORBIDDEN", `${own} may not call as ${userId}`);
  return {
    userId,
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
  };
}

/** `1h30m` in milliseconds. An empty one is none. */
function classicDurationMs(text: string | undefined): number | undefined {
  const [, hours = "0", minutes = "0", seconds = "0"] = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(text ?? "") ?? [];
  const total = ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000;
  return total === 0 ? undefined : Math.min(total, 3_600_000);
}

async function answerOf(calls: Calls, session: CallSession, offer: string): Promise<string> {
  const sdp = await calls.offer(session, offer, false);
  return withCandidates(sdp, await calls.gathered(session, gatherMs));
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
    created_at: new Date(createdAtMs).toISOString(),
    duration_ms: Math.round(durationMs),
    duration: Math.round(durationMs / 1000),
    container_id: plan.agentId ?? "",
  };
}
