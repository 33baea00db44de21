import type { Clock, Timer } from "../../../platform/clock.ts";
import type { Silence } from "../protocol/media-protocol.ts";

export interface SilenceLimits {
  readonly stalledMs: number;
  readonly restartMs: number;
  readonly lostMs: number;
}

export const defaultSilenceLimits: SilenceLimits = { stalledMs: 5_000, restartMs: 12_000, lostMs: 25_000 };

/**
 * Detects that the far end is gone. werift ignores DTLS close_notify and stays `connected` when a page closes, until ICE consent
 * expires after half a minute. A browser sends fifty packets a second as long as it runs, muted or not.
 */
export class SilenceWatch {
  readonly #clock: Clock;
  readonly #limits: SilenceLimits;
  readonly #report: (silence: Silence) => void;
  #timer: Timer | undefined;
  #lastMs = 0;
  #reported: Silence = "resumed";

  constructor(clock: Clock, limits: SilenceLimits, report: (silence: Silence) => void) {
    this.#clock = clock;
    this.#limits = limits;
    this.#report = report;
  }

  /** Starts to measure from now. */
  start(): void {
    this.#lastMs = this.#clock.monotonic();
    this.#timer ??= this.#clock.every(Math.max(10, this.#limits.stalledMs / 5), () => this.#check());
  }

  packet(): void {
    this.#lastMs = this.#clock.monotonic();
    if (this.#reported !== "resumed") this.#set("resumed");
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #check(): void {
    const silentMs = this.#clock.monotonic() - this.#lastMs;
    if (silentMs >= this.#limits.lostMs) {
      this.stop();
      this.#set("lost");
    } else if (silentMs >= this.#limits.restartMs) this.#set("restart");
    else if (silentMs >= this.#limits.stalledMs) this.#set("stalled");
  }

  #set(silence: Silence): void {
    if (silence === this.#reported) return;
    this.#reported = silence;
    this.#report(silence);
  }
}
