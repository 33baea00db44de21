import type { Clock } from "../../../platform/clock.ts";

/** A provider that asks for more is asked again after this time: what it limits may be free long before. */
const pauseMaxMs = 60_000;

/** What a provider said about its rate. Providers limit each model by itself. All callers of the model wait together. */
export class RateLimits {
  readonly #clock: Pick<Clock, "monotonic">;
  /** By model; as many as are configured. */
  readonly #until = new Map<string, number>();

  constructor(clock: Pick<Clock, "monotonic">) {
    this.#clock = clock;
  }

  /** How long a call should wait before it is made; 0 when it may be made at once. */
  waitMs(model: string): number {
    const until = this.#until.get(model);
    return until === undefined ? 0 : Math.max(0, Math.ceil(until - this.#clock.monotonic()));
  }

  /** The provider asked for no calls of this model for this long. */
  pause(model: string, ms: number): void {
    const until = this.#clock.monotonic() + Math.min(ms, pauseMaxMs);
    this.#until.set(model, Math.max(this.#until.get(model) ?? 0, until));
  }
}
