import type { Clock, Timer } from "../../platform/clock.ts";

/** An agent with a long interval may miss one heartbeat, and this much of the next. */
const intervalsAllowed = 2.5;
/** Looks within the time allowed. */
const looksPerDeadline = 8;

/** Liveness: tells when an agent that should give signs of life has given none for too long. */
export class HeartbeatWatch {
  readonly #clock: Clock;
  readonly #allowedMs: number;
  readonly #onHung: (silentMs: number) => void;
  #lastMs: number;
  #lookedMs: number;
  #timer: Timer | undefined;

  constructor(clock: Clock, heartbeatMs: number, hangAfterMs: number, onHung: (silentMs: number) => void) {
    this.#clock = clock;
    this.#allowedMs = Math.max(hangAfterMs, heartbeatMs * intervalsAllowed);
    this.#onHung = onHung;
    this.#lastMs = this.#lookedMs = clock.monotonic();
  }

  /** Null while no heartbeat is due. */
  get isLive(): boolean | null {
    return this.#timer === undefined ? null : this.#clock.monotonic() - this.#lastMs < this.#allowedMs;
  }

  /** A sign of life. */
  beat(): void {
    this.#lastMs = this.#clock.monotonic();
  }

  start(): void {
    this.stop();
    this.beat();
    this.#lookedMs = this.#lastMs;
    this.#timer = this.#clock.every(this.#lookEveryMs, () => this.#look());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  get #lookEveryMs(): number {
    return this.#allowedMs / looksPerDeadline;
  }

  #look(): void {
    const now = this.#clock.monotonic();
    // A bridge that stood still itself, or a host that slept, has heard nobody: everyone begins anew.
    if (now - this.#lookedMs > this.#lookEveryMs * 3) this.#lastMs = now;
    this.#lookedMs = now;
    const silentMs = now - this.#lastMs;
    if (silentMs < this.#allowedMs) return;
    this.stop();
    this.#onHung(Math.round(silentMs));
  }
}
