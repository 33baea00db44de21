import type { Clock, Timer } from "../../platform/clock.ts";

/** An agent with a long interval may miss one heartbeat, and this much of the next. */
const intervalsAllowed = 2.5;
/** How often the deadline is checked while it runs. */
const checksPerDeadline = 8;

/** Reports an agent that sends no heartbeat before its deadline. */
export class HeartbeatMonitor {
  readonly #clock: Clock;
  readonly #allowedMs: number;
  readonly #onHung: (silentMs: number) => void;
  #lastBeatMs: number;
  #lastCheckMs: number;
  #timer: Timer | undefined;

  constructor(
    clock: Clock,
    heartbeatMs: number,
    { hangAfterMs }: { readonly hangAfterMs: number },
    onHung: (silentMs: number) => void,
  ) {
    this.#clock = clock;
    this.#allowedMs = Math.max(hangAfterMs, heartbeatMs * intervalsAllowed);
    this.#onHung = onHung;
    this.#lastBeatMs = this.#lastCheckMs = clock.monotonic();
  }

  /** Null while no heartbeat is due. */
  get isLive(): boolean | null {
    return this.#timer === undefined ? null : this.#clock.monotonic() - this.#lastBeatMs < this.#allowedMs;
  }

  /** Records a sign of life. */
  beat(): void {
    this.#lastBeatMs = this.#clock.monotonic();
  }

  start(): void {
    this.stop();
    this.beat();
    this.#lastCheckMs = this.#lastBeatMs;
    this.#timer = this.#clock.every(this.#checkEveryMs, () => this.#check());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  get #checkEveryMs(): number {
    return this.#allowedMs / checksPerDeadline;
  }

  #check(): void {
    const now = this.#clock.monotonic();
    // A bridge that stalled, or a host that slept, could not read heartbeats: the deadline starts again.
    if (now - this.#lastCheckMs > this.#checkEveryMs * 3) this.#lastBeatMs = now;
    this.#lastCheckMs = now;
    const silentMs = now - this.#lastBeatMs;
    if (silentMs < this.#allowedMs) return;
    this.stop();
    this.#onHung(Math.round(silentMs));
  }
}
