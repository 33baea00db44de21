import type { Clock, Timer } from "../../../platform/clock.ts";

export const frameMs = 20;
/** After a stall at most this many ticks are caught up. */
const catchUpMax = 10;

/** The 20 ms tick of all calls. It follows absolute time, so that it does not drift and late ticks do not add up. */
export class Ticker {
  readonly #clock: Clock;
  readonly #listeners = new Set<() => void>();
  #timer: Timer | undefined;
  #startMs = 0;
  #ticks = 0;
  #lagMaxMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The largest delay of a tick so far. */
  get lagMaxMs(): number {
    return this.#lagMaxMs;
  }

  /** @returns removes the listener */
  add(listener: () => void): () => void {
    this.#listeners.add(listener);
    if (this.#timer === undefined) this.#restart();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      this.#timer?.cancel();
      this.#timer = undefined;
    };
  }

  #restart(): void {
    this.#startMs = this.#clock.monotonic();
    this.#ticks = 0;
    this.#arm();
  }

  #arm(): void {
    const dueMs = this.#startMs + (this.#ticks + 1) * frameMs;
    this.#timer = this.#clock.after(Math.max(0, dueMs - this.#clock.monotonic()), () => this.#tick(dueMs));
  }

  #tick(dueMs: number): void {
    const now = this.#clock.monotonic();
    this.#lagMaxMs = Math.max(this.#lagMaxMs, now - dueMs);
    for (let made = 0; made < catchUpMax && this.#startMs + (this.#ticks + 1) * frameMs <= now + 0.5; made += 1) {
      this.#ticks += 1;
      for (const listener of this.#listeners) listener();
    }
    if (this.#listeners.size === 0) return;
    if (now - this.#startMs > (this.#ticks + catchUpMax) * frameMs) this.#restart();
    else this.#arm();
  }
}
