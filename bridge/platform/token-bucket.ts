// Own code: `limiter` and rate-limiter-flexible read the system's clock and answer through promises; this one is on the path of each call.
import { BoundedMap } from "./bounded-map.ts";
import type { Clock } from "./clock.ts";

export interface Rate {
  readonly perSecond: number;
  /** The most that can be taken at once. */
  readonly burst: number;
}

/** Holds `burst` tokens and gets `perSecond` of them back. */
export class TokenBucket {
  readonly #perMs: number;
  readonly #burst: number;
  readonly #clock: Pick<Clock, "monotonic">;
  #tokens: number;
  #filledAtMs: number;

  constructor({ perSecond, burst }: Rate, clock: Pick<Clock, "monotonic">, nowMs = clock.monotonic()) {
    this.#perMs = perSecond / 1000;
    this.#burst = burst;
    this.#clock = clock;
    this.#tokens = burst;
    this.#filledAtMs = nowMs;
  }

  /**
   * Takes `amount` tokens, or none when there are fewer.
   * @param penalty the tokens that a refused call costs, so that a caller that does not wait is kept waiting; the debt is one burst at most
   * @param nowMs the clock's monotonic time, where the caller has read it already
   * @returns 0 when they were taken, else the milliseconds until they can be
   */
  take(amount = 1, penalty = 0, nowMs = this.#clock.monotonic()): number {
    this.#tokens = Math.min(this.#burst, this.#tokens + (nowMs - this.#filledAtMs) * this.#perMs);
    this.#filledAtMs = nowMs;
    if (this.#tokens >= amount) {
      this.#tokens -= amount;
      return 0;
    }
    this.#tokens = Math.max(-this.#burst, this.#tokens - penalty);
    return Math.ceil((amount - this.#tokens) / this.#perMs);
  }

  /**
   * Takes `amount` tokens of something that has been used already, whether they are there or not.
   * @returns 0, or the milliseconds until the debt is paid
   */
  spend(amount: number, nowMs = this.#clock.monotonic()): number {
    this.#tokens = Math.min(this.#burst, this.#tokens + (nowMs - this.#filledAtMs) * this.#perMs) - amount;
    this.#filledAtMs = nowMs;
    return this.#tokens >= 0 ? 0 : Math.ceil(-this.#tokens / this.#perMs);
  }
}

export interface TokenBucketsOptions {
  readonly rate: Rate;
  /** Above this the bucket that was made first is dropped: its key gets a full bucket when it returns. */
  readonly keysMax: number;
  readonly clock: Pick<Clock, "monotonic">;
}

/** One bucket for each key, all of the same rate. */
export class TokenBuckets<K = string> {
  readonly #options: TokenBucketsOptions;
  readonly #byKey: BoundedMap<K, TokenBucket>;

  constructor(options: TokenBucketsOptions) {
    this.#options = options;
    this.#byKey = new BoundedMap(options.keysMax);
  }

  /** Takes from the key's bucket, as `TokenBucket.take` does. */
  take(key: K, amount = 1, penalty = 0, nowMs = this.#options.clock.monotonic()): number {
    let bucket = this.#byKey.get(key);
    if (bucket === undefined) {
      bucket = new TokenBucket(this.#options.rate, this.#options.clock, nowMs);
      this.#byKey.set(key, bucket);
    }
    return bucket.take(amount, penalty, nowMs);
  }
}
