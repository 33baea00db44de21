import type { Clock } from "../../platform/clock.ts";

/** What a provider said about its rate: all callers wait until then. */
export class RateLimit {
  readonly #clock: Pick<Clock, "monotonic">;
  #until = 0;

  constructor(clock: Pick<Clock, "monotonic">) {
    this.#clock = clock;
  }

  /** How long a call should wait before it is made; 0 when it may be made at once. */
  get waitMs(): number {
    return Math.max(0, Math.ceil(this.#until - this.#clock.monotonic()));
  }

  /** The provider asked for no calls for this long. */
  pauseFor(ms: number): void {
    this.#until = Math.max(this.#until, this.#clock.monotonic() + ms);
  }
}
