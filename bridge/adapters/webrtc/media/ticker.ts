import type { Clock, Timer } from "../../../platform/clock.ts";

export const frameMs = 20;
/** After a stall this many ticks are made up for; of a longer one the rest is lost. */
const catchUpMax = 10;

/** The 20 ms beat of all calls. It keeps to absolute time, so that it does not drift and late ticks do not add up. */
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

  /** How late the latest tick ever was. */
  get lagMaxMs(): number {
    return this.#lagMaxMs;
  }

  /** @returns what ends it */
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
    this.#timer = this.#clock.after(Math.max(0, dueMs - this.#clock.monotonic()), () => this.#beat(dueMs));
  }

  #beat(dueMs: number): void {
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
