import { BridgeError } from "@armorclaw/protocol/errors";
import type * as z from "zod";
import type { Clock, Timer } from "../../../platform/clock.ts";
import { TokenBucket } from "../../../platform/token-bucket.ts";
import { about } from "../calls/call-credentials.ts";
import type { CallSession } from "../calls/call-session.ts";
import type { Calls } from "../calls/calls.ts";
import type { MediaEvent } from "../protocol/media-protocol.ts";
import {
  type SignalingMethod,
  type SignalingNotice,
  SignalingRequest,
  signalingMethods,
} from "./signaling-messages.ts";

/** A caller's connection. The transport below it is not known here. */
export interface SignalingPeer {
  send(text: string): void;
  close(code: number, reason: string): void;
}

type Params<M extends SignalingMethod> = z.output<(typeof signalingMethods)[M]>;
type Answers = { readonly [M in SignalingMethod]: (params: Params<M>) => unknown };

const helloDeadlineMs = 5_000;
const messageRate = { perSecond: 20, burst: 60 };
/** Close codes from the range that WebSocket leaves to applications. */
export const closeCodes = { ended: 4000, refused: 4401, tooLate: 4408, superseded: 4409, flood: 4429 } as const;

/** One signaling connection. It controls the one session that its token names. */
export class Signaling {
  readonly #calls: Calls;
  readonly #peer: SignalingPeer;
  /** The connection that controls each session. */
  readonly #connections: Map<string, Signaling>;
  readonly #helloTimer: Timer;
  #session: CallSession | undefined;
  #stopWatching: (() => void) | undefined;
  #isClosed = false;
  readonly #rate: TokenBucket;
  #work: Promise<void> = Promise.resolve();

  constructor(calls: Calls, clock: Clock, peer: SignalingPeer, connections: Map<string, Signaling>) {
    this.#calls = calls;
    this.#peer = peer;
    this.#connections = connections;
    this.#rate = new TokenBucket(messageRate, clock);
    this.#helloTimer = clock.after(helloDeadlineMs, () => this.#close(closeCodes.tooLate, "no hello"));
  }

  /** Handles one message after the other. */
  message(text: string): void {
    if (this.#isClosed) return;
    if (this.#rate.take() > 0) {
      const detail = { limit: "messages_per_second", max: messageRate.perSecond };
      const who = this.#session === undefined ? {} : about(this.#session);
      this.#calls.records.noteRefusal({ event: "limit.reached", ...who, detail });
      this.#close(closeCodes.flood, "too many messages");
      return;
    }
    this.#work = this.#work.then(() => this.#handle(text));
  }

  /** The connection has closed. The caller may return within the grace time. */
  closed(): void {
    if (this.#isClosed) return;
    this.#forget();
    const session = this.#session;
    if (session === undefined || session.hasEnded) return;
    this.#calls.records.note({ event: "signaling.closed", ...about(session) });
    session.lost();
  }

  #supersede(): void {
    this.#close(closeCodes.superseded, "superseded");
  }

  #close(code: number, reason: string): void {
    if (this.#isClosed) return;
    this.#forget();
    this.#peer.close(code, reason);
  }

  #forget(): void {
    this.#isClosed = true;
    this.#helloTimer.cancel();
    this.#stopWatching?.();
    const { id } = this.#session ?? {};
    if (id !== undefined && this.#connections.get(id) === this) this.#connections.delete(id);
  }

  async #handle(text: string): Promise<void> {
    if (this.#isClosed) return;
    const request = SignalingRequest.safeParse(parse(text));
    if (!request.success) {
      this.#send({ id: null, error: new BridgeError("INVALID_REQUEST").toWire() });
      return;
    }
    const { id, method, params } = request.data;
    try {
      this.#send({ id, result: await this.#answer(method, params) });
    } catch (error) {
      const refusal = error instanceof BridgeError ? error : new BridgeError("INTERNAL");
      this.#send({ id, error: refusal.toWire() });
      if (refusal.code === "CALL_TOKEN_REFUSED") this.#close(closeCodes.refused, "refused");
    }
  }

  async #answer(method: string, params: unknown): Promise<unknown> {
    if (!Object.hasOwn(signalingMethods, method)) throw new BridgeError("METHOD_NOT_FOUND");
    const name = method as SignalingMethod;
    if ((name === "rtc.hello") !== (this.#session === undefined))
      throw new BridgeError("INVALID_REQUEST", "rtc.hello comes first, and once");
    const parsed = signalingMethods[name].safeParse(params);
    if (!parsed.success) throw new BridgeError("INVALID_PARAMS");
    const answer = this.#answers[name] as (params: unknown) => unknown;
    return await answer(parsed.data);
  }

  readonly #answers: Answers = {
    "rtc.hello": (params) => this.#hello(params),
    "rtc.offer": async ({ sdp, is_fresh }) => ({ sdp: await this.#calls.offer(this.#own, sdp, is_fresh) }),
    "rtc.candidates": async ({ candidates }) => {
      const outcomes = [];
      for (const { candidate } of candidates) {
        if (candidate !== "") outcomes.push(await this.#calls.addCandidate(this.#own, candidate));
      }
      return { taken: outcomes.filter(Boolean).length, ignored: outcomes.filter((isTaken) => !isTaken).length };
    },
    "rtc.mute": async ({ muted }) => {
      await this.#calls.mute(this.#own, muted);
      return { muted };
    },
    "rtc.hold": async ({ held }) => {
      await this.#calls.hold(this.#own, held);
      return { held };
    },
    "rtc.consent": () => {
      this.#calls.consent(this.#own);
      return { is_recording: this.#calls.isRecording(this.#own) };
    },
    "rtc.stats": async () => {
      const stats = await this.#calls.stats(this.#own);
      return Object.fromEntries(
        Object.entries(stats).map(([key, value]) => [snakeCase(key), Math.round(value * 10) / 10]),
      );
    },
    "rtc.end": () => {
      this.#calls.end(this.#own, "hang_up");
      return { ended: true };
    },
  };

  get #own(): CallSession {
    if (this.#session === undefined) throw new BridgeError("CALL_TOKEN_REFUSED");
    return this.#session;
  }

  #hello(params: Params<"rtc.hello">) {
    const isResuming = "resume_token" in params;
    const token = isResuming ? params.resume_token : params.token;
    const use = isResuming ? "resume" : "join";
    const session = this.#calls.credentials.redeem(token, use, (id) => this.#calls.findLive(id));
    this.#helloTimer.cancel();
    const earlier = this.#connections.get(session.id);
    if (earlier !== undefined) earlier.#supersede();
    this.#connections.set(session.id, this);
    this.#session = session;
    this.#stopWatching = this.#calls.watch(session, {
      media: (event) => this.#onMedia(event),
      state: () => this.#onState(session),
      transcript: ({ who, text, isFinal }) => this.#notify("rtc.transcript", { who, text, is_final: isFinal }),
      recording: () => this.#notify("rtc.recording", { is_recording: true }),
    });
    this.#calls.records.note({ event: "signaling.opened", ...about(session), detail: { use } });
    if (isResuming && params.has_media) session.connected();
    const { maxDurationMs, relayOnly, recordingWanted } = session.plan;
    return {
      session_id: session.id,
      state: session.state,
      resume_token: this.#calls.credentials.mint(session, "resume", maxDurationMs).token,
      ice_servers: iceServers(this.#calls.turn(session)),
      ice_transport_policy: relayOnly ? "relay" : "all",
      max_duration_ms: maxDurationMs,
      recording: { is_wanted: recordingWanted, is_recording: this.#calls.isRecording(session) },
    };
  }

  #onMedia(event: MediaEvent): void {
    if (event.kind === "candidate")
      this.#notify("rtc.candidates", { candidates: event.candidate === null ? [] : [event.candidate] });
    else if (event.kind === "level") {
      this.#notify("rtc.level", { caller_db: Math.round(event.callerDb), agent_db: Math.round(event.agentDb) });
    } else if (event.kind === "silence" && event.silence === "restart") this.#notify("rtc.restart", {});
  }

  #onState(session: CallSession): void {
    const { state, endReason } = session;
    this.#notify("rtc.state", { state });
    if (state !== "ended") return;
    this.#notify("rtc.goodbye", { reason: endReason });
    this.#close(closeCodes.ended, endReason ?? "ended");
  }

  #notify(method: SignalingNotice, params: object): void {
    if (!this.#isClosed) this.#peer.send(JSON.stringify({ jsonrpc: "2.0", method, params }));
  }

  #send(answer: object): void {
    if (!this.#isClosed) this.#peer.send(JSON.stringify({ jsonrpc: "2.0", ...answer }));
  }
}

const iceServers = (turn: ReturnType<Calls["turn"]>) =>
  turn === undefined ? [] : [{ urls: turn.urls, username: turn.username, credential: turn.credential }];

const snakeCase = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
