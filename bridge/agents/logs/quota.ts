import type { Clock } from "../../platform/clock.ts";

export interface QuotaSettings {
  readonly perSecond: number;
  /** What may come at once. */
  readonly burst: number;
}

/** A bucket that fills with time: what does not fit is refused. */
export class Quota {
  readonly #clock: Clock;
  readonly #settings: QuotaSettings;
  #left: number;
  #filledMs: number;
  #refused = 0;

  constructor(clock: Clock, settings: QuotaSettings) {
    this.#clock = clock;
    this.#settings = settings;
    this.#left = settings.burst;
    this.#filledMs = clock.monotonic();
  }

  /** The sum of what was refused. */
  get refused(): number {
    return this.#refused;
  }

  take(amount: number): boolean {
    const { perSecond, burst } = this.#settings;
    const now = this.#clock.monotonic();
    this.#left = Math.min(burst, this.#left + ((now - this.#filledMs) / 1000) * perSecond);
    this.#filledMs = now;
    if (amount > this.#left) {
      this.#refused += amount;
      return false;
    }
    this.#left -= amount;
    return true;
  }
}
