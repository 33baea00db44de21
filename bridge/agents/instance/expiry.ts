import type { Clock, Timer } from "../../platform/clock.ts";

/** The end of an agent's time to live. */
export class Expiry {
  readonly #clock: Clock;
  readonly #onOver: () => void;
  #timer: Timer | undefined;

  constructor(clock: Clock, onOver: () => void) {
    this.#clock = clock;
    this.#onOver = onOver;
  }

  /** @param atMs in milliseconds since the epoch; null for never */
  arm(atMs: number | null): void {
    this.cancel();
    if (atMs !== null) this.#timer = this.#clock.after(Math.max(0, atMs - this.#clock.now()), this.#onOver);
  }

  cancel(): void {
    this.#timer?.cancel();
  }
}
