import type { CallEndReason, CallState } from "@armorclaw/protocol";
import { BridgeError } from "@armorclaw/protocol/errors";
import type { Clock, Timer } from "../../../platform/clock.ts";
import type { IceCandidate } from "../protocol/media-protocol.ts";
import type { SampleRate } from "../protocol/sample-rate.ts";
import { mayFollow } from "./call-state.ts";

export interface CallPlan {
  readonly sessionId: string;
  readonly roomId: string;
  readonly principal: string;
  /** The member of the room who talks, if known. The call ends when they leave the room. */
  readonly userId: string | undefined;
  /** The agent that talks with the caller: by text where `stt` and `tts` agents are named, else by audio. */
  readonly agentId: string | undefined;
  readonly sttAgentId: string | undefined;
  readonly ttsAgentId: string | undefined;
  readonly rate: SampleRate;
  readonly relayOnly: boolean;
  readonly bargeIn: boolean;
  readonly maxDurationMs: number;
  readonly recordingWanted: boolean;
}

export interface CallSettings {
  /** Time from the start to the caller's first offer. */
  readonly joinMs: number;
  /** Time from an offer to its connection. */
  readonly setupMs: number;
  /** Time for a disconnected caller to return. */
  readonly graceMs: number;
  /** Time without speech from either side. */
  readonly idleMs: number;
}

export interface SessionListener {
  changed(session: CallSession, from: CallState): void;
  /** A deadline has passed, and the session must be ended. */
  late(session: CallSession, reason: CallEndReason): void;
}

/** One call: its plan, its state and its deadlines. */
export class CallSession {
  readonly plan: CallPlan;
  readonly createdAtMs: number;
  readonly #clock: Clock;
  readonly #settings: CallSettings;
  readonly #listener: SessionListener;
  #state: CallState = "created";
  #endReason: CallEndReason | undefined;
  #connectedAtMs: number | undefined;
  #endedAtMs: number | undefined;
  #stateTimer: Timer | undefined;
  #idleTimer: Timer | undefined;
  #durationTimer: Timer | undefined;
  #wasHeld = false;
  /** The fingerprint of the caller's DTLS certificate. Another fingerprint means another peer. */
  fingerprint: string | undefined;
  isMuted = false;
  hasConsented = false;
  candidates: IceCandidate[] = [];
  isGathered = false;

  constructor(plan: CallPlan, clock: Clock, settings: CallSettings, listener: SessionListener) {
    this.plan = plan;
    this.#clock = clock;
    this.#settings = settings;
    this.#listener = listener;
    this.createdAtMs = clock.now();
    this.#within(settings.joinMs, "token_expired");
  }

  get id(): string {
    return this.plan.sessionId;
  }

  get state(): CallState {
    return this.#state;
  }

  get endReason(): CallEndReason | undefined {
    return this.#endReason;
  }

  /** The time since the call was connected, up to its end. */
  get durationMs(): number {
    return this.#connectedAtMs === undefined ? 0 : (this.#endedAtMs ?? this.#clock.now()) - this.#connectedAtMs;
  }

  get hasEnded(): boolean {
    return this.#state === "ended";
  }

  /** @throws BridgeError CALL_STATE_CONFLICT */
  assertLive(): void {
    if (this.hasEnded) throw new BridgeError("CALL_STATE_CONFLICT", `The call ${this.id} has ended`);
  }

  /** An offer was accepted. */
  connecting(): void {
    this.assertLive();
    this.#wasHeld = this.#wasHeld || this.#state === "held";
    if (this.#state === "created" || this.#state === "reconnecting") this.#to("connecting");
    if (this.#state === "connecting") this.#within(this.#settings.setupMs, "setup_timeout");
  }

  /** The media is connected. */
  connected(): void {
    if (this.#state !== "connecting" && this.#state !== "reconnecting") return;
    this.#cancelState();
    if (this.#connectedAtMs === undefined) {
      this.#connectedAtMs = this.#clock.now();
      this.#durationTimer = this.#clock.after(this.plan.maxDurationMs, () => this.#listener.late(this, "max_duration"));
    }
    this.active();
    this.#to("active");
    if (this.#wasHeld) this.hold(true);
  }

  /** The caller's connection broke. The caller may return within the grace time. */
  lost(): void {
    if (this.hasEnded || this.#state === "created" || this.#state === "reconnecting") return;
    this.#wasHeld = this.#state === "held";
    this.#to("reconnecting");
    this.#within(this.#settings.graceMs, "media_timeout");
  }

  /** @throws BridgeError CALL_STATE_CONFLICT */
  hold(isHeld: boolean): void {
    const to = isHeld ? "held" : "active";
    if (this.#state === to) return;
    if (this.#state !== "active" && this.#state !== "held")
      throw new BridgeError("CALL_STATE_CONFLICT", `The call ${this.id} is ${this.#state}`);
    this.#wasHeld = isHeld;
    this.#to(to);
  }

  /** One side spoke. */
  active(): void {
    this.#idleTimer?.cancel();
    this.#idleTimer = this.#clock.after(this.#settings.idleMs, () => this.#listener.late(this, "idle"));
  }

  end(reason: CallEndReason): void {
    if (this.hasEnded) return;
    this.#endReason = reason;
    this.#endedAtMs = this.#clock.now();
    this.#cancelState();
    this.#idleTimer?.cancel();
    this.#durationTimer?.cancel();
    this.#to("ended");
  }

  #to(state: CallState): void {
    const from = this.#state;
    if (!mayFollow(from, state)) throw new Error(`A call cannot go from ${from} to ${state}`);
    this.#state = state;
    this.#listener.changed(this, from);
  }

  #within(ms: number, reason: CallEndReason): void {
    this.#cancelState();
    this.#stateTimer = this.#clock.after(ms, () => this.#listener.late(this, reason));
  }

  #cancelState(): void {
    this.#stateTimer?.cancel();
    this.#stateTimer = undefined;
  }
}
