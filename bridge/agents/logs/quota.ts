import type { Clock } from "../../platform/clock.ts";
import { type Rate, TokenBucket } from "../../platform/token-bucket.ts";

/** A token bucket that counts what it refused. */
export class Quota {
  readonly #bucket: TokenBucket;
  #refused = 0;

  constructor(clock: Clock, rate: Rate) {
    this.#bucket = new TokenBucket(rate, clock);
  }

  /** The sum of the amounts that were refused. */
  get refused(): number {
    return this.#refused;
  }

  /** Takes the amount, or refuses it whole. */
  take(amount: number): boolean {
    if (this.#bucket.take(amount) === 0) return true;
    this.#refused += amount;
    return false;
  }
}
