import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { AgentId, EventData } from "@armorclaw/protocol";
import { BridgeError } from "@armorclaw/protocol/errors";
import type { IncomingCalls } from "../adapters/matrix/index.ts";
import {
  AgentAudio,
  CallPage,
  CallRecords,
  type CallReservations,
  type CallSession,
  Calls,
  type CallsSettings,
} from "../adapters/webrtc/index.ts";
import { webrtcHandlers } from "../api/webrtc.ts";
import { type Budget, nothing } from "../budget/index.ts";
import type { Config } from "../config/index.ts";
import type { DurableEventLog, PublishEvent } from "../events/index.ts";
import type { Logging } from "../logging/index.ts";
import type { Clock } from "../platform/clock.ts";
import type { SideSocket } from "../rpc/index.ts";
import type { Store } from "../store/index.ts";
import { callGate } from "./call-authorization.ts";
import { watchPresence } from "./call-hangup.ts";
import type { RoomSight } from "./matrix.ts";
import { composeRinging } from "./matrix-calls.ts";

export interface VoiceDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: DurableEventLog;
  readonly logging: Logging;
  readonly publish: PublishEvent;
  readonly config: Config;
  readonly budget: Budget;
  readonly rooms: RoomSight;
  readonly loopOf: (agentId: string) => string | undefined;
  /** The listener's own address, once it listens. */
  readonly listenerUrl: () => string | undefined;
}

/** A stretch that no one settles, such as when the bridge is killed in the middle of it, is booked in full after this. */
const leaseMs = 120_000;
/** Less is left than it takes to say a word. */
const shortestStretchMs = 500;
const mediaSocketName = "media.sock";

/** Constructs voice calls, or nothing but the methods that say that there are none. */
export function composeVoice(deps: VoiceDeps) {
  const { config, clock, store, logging } = deps;
  const { webrtc } = config;
  const baseUrl = () => webrtc.publicUrl?.replace(/\/+$/, "") ?? deps.listenerUrl();
  if (!webrtc.enabled)
    return {
      site: undefined,
      turn: undefined,
      sideSockets: [],
      services: [],
      handlers: webrtcHandlers(undefined, baseUrl),
    };
  const logger = logging.child("webrtc");
  const audio = new AgentAudio(logger);
  const onFailure = (error: unknown) => logger.error({ error }, "A call's record was not written");
  const settings = callsSettings(config);
  const ringing = composeRinging({ ...deps, audio, calls: () => calls });
  const calls: Calls = new Calls(
    {
      clock,
      audio,
      logger,
      ...announcer(deps.publish, ringing),
      records: new CallRecords(store, clock, onFailure),
      rooms: callGate(config, deps.rooms),
      reservations: callBudget(deps),
    },
    settings,
  );
  const site = new CallPage({ calls, clock, origins: webrtc.origins });
  watchPresence(calls, deps.rooms, deps.log, logger);
  const { turn } = settings;
  return {
    site,
    turn,
    sideSockets: [mediaSocket(audio)],
    services: [ringing, calls],
    handlers: webrtcHandlers(calls, baseUrl),
  };
}

function callsSettings({ webrtc, stateDir }: Config): CallsSettings {
  return {
    media: {
      addresses: webrtc.addresses,
      announcedAddress: webrtc.announcedAddress,
      portRange: [webrtc.portFirst, webrtc.portLast],
      remoteCandidates: webrtc.remoteCandidates,
    },
    limits: {
      concurrentMax: webrtc.concurrentMax,
      concurrentPerPrincipalMax: webrtc.concurrentPerPrincipalMax,
      perHourPerPrincipalMax: webrtc.perHourMax,
    },
    turn: { urls: webrtc.turnUrls, secret: turnSecret(webrtc), ttlMs: webrtc.turnTtlMs },
    tokenTtlMs: webrtc.tokenTtlMs,
    setupMs: webrtc.setupMs,
    graceMs: webrtc.graceMs,
    idleMs: webrtc.idleMs,
    maxDurationMs: webrtc.durationMaxMs,
    recordingsDirectory: join(stateDir, "recordings"),
  };
}

function turnSecret({ turnUrls: urls, turnSecretFile: file }: Config["webrtc"]): string | undefined {
  if (urls.length === 0) return undefined;
  if (file === undefined) throw new BridgeError("CONFIG_INVALID", "webrtc.turn_urls needs webrtc.turn_secret_file");
  try {
    return readFileSync(file, "utf8").trim();
  } catch (cause) {
    throw new BridgeError("CONFIG_INVALID", `webrtc.turn_secret_file: ${file} cannot be read`, undefined, { cause });
  }
}

function callBudget({ budget, loopOf }: VoiceDeps): CallReservations {
  return {
    async reserve({ agentId }, ms) {
      const id = randomUUID();
      const agent = agentId === undefined ? {} : { agent: agentId, loop: loopOf(agentId) };
      const attribution = { provider: "webrtc", ...agent };
      // What is less is asked for in full, so that the refusal says what is left and everyone hears that the limit is reached.
      const room = budget.room(attribution, "duration_ms");
      const heldMs = room >= shortestStretchMs ? Math.min(ms, room) : ms;
      await budget.reserve({
        id,
        attribution,
        amounts: { ...nothing, durationMs: heldMs },
        leaseMs,
        onExpiry: "spend",
      });
      return {
        ms: heldMs,
        settle: (usedMs) =>
          budget.settle(id, {
            amounts: { ...nothing, durationMs: usedMs },
            inputTokens: 0,
            outputTokens: 0,
            basis: "reported",
          }),
      };
    },
  };
}

function announcer(publish: PublishEvent, ringing: IncomingCalls) {
  const about = ({ plan }: CallSession) => ({
    session_id: plan.sessionId,
    room_id: plan.roomId,
    principal: plan.principal,
    agent_id: (plan.agentId ?? null) as AgentId | null,
  });
  return {
    onState: (session: CallSession, from: EventData<"webrtc.state_changed">["from"]) => {
      publish("webrtc.state_changed", "bridge", { ...about(session), from, state: session.state });
      const { endReason, durationMs } = session;
      if (endReason === undefined) return;
      const duration_ms = Math.round(durationMs);
      publish("webrtc.ended", "bridge", { ...about(session), reason: endReason, duration_ms });
      ringing.ended(session.id, endReason);
    },
    onTranscript: (session: CallSession, said: { who: "caller" | "agent"; text: string; isFinal: boolean }) => {
      const { who, text, isFinal } = said;
      publish("webrtc.transcript", "bridge", { ...about(session), who, text, is_final: isFinal });
    },
  };
}

/** Each agent's second socket, for sound alone. */
const mediaSocket = (audio: AgentAudio): SideSocket => ({
  name: mediaSocketName,
  open: (agentId) => ({ accept: (socket) => audio.attach(agentId, socket), close: () => undefined }),
});
