import assert from "node:assert/strict";
import {
  CircuitState as BreakerState,
  type CircuitBreakerPolicy,
  ConsecutiveBreaker,
  circuitBreaker,
  handleWhen,
} from "cockatiel";
import type { Logger } from "../../logging/index.ts";
import type { Clock } from "../../platform/clock.ts";

export interface CircuitSettings {
  /** So many failures in a row open a circuit. */
  readonly failuresMax: number;
  /** How long it stays open before one attempt is let through. */
  readonly openMs: number;
}

export type CircuitState = "closed" | "open" | "half-open";

/** What an attempt shows of the other side; `unknown` when it ended for another reason, such as a caller who left. */
export type Health = "well" | "ill" | "unknown";

export type Settled<T> = { readonly value: T } | { readonly error: unknown };

/** No attempt was made: the other side failed too often in a row and is left alone. */
export class CircuitOpenError extends Error {
  override readonly name = "CircuitOpenError";
  readonly retryAfterMs: number;

  constructor(retryAfterMs: number) {
    super(`It failed several times in a row and is left alone for ${retryAfterMs} ms`);
    this.retryAfterMs = retryAfterMs;
  }
}

/** While one attempt finds out whether the other side is back, the rest asks again after this long. */
const trialMs = 1_000;
/** Circuits that are remembered; the one that was used least recently goes first. */
const circuitsMax = 1_000;

interface CircuitDeps {
  readonly clock: Pick<Clock, "monotonic">;
  readonly logger: Logger;
}

/** A circuit for each of many destinations of one class. */
export class Circuits {
  readonly #deps: CircuitDeps;
  readonly #settings: CircuitSettings;
  readonly #known = new Map<string, Circuit>();

  constructor(deps: CircuitDeps, settings: CircuitSettings) {
    this.#deps = deps;
    this.#settings = settings;
  }

  /**
   * Makes the attempt unless the circuit is open, and counts what `healthOf` makes of its end.
   * @throws CircuitOpenError, or what the attempt throws
   */
  async run<T>(to: string, attempt: () => Promise<T>, healthOf: (end: Settled<T>) => Health): Promise<T> {
    return await this.#circuit(to).run(attempt, healthOf);
  }

  get states(): CircuitState[] {
    return [...this.#known.values()].map(({ state }) => state);
  }

  #circuit(to: string): Circuit {
    const circuit = this.#known.get(to) ?? this.#make(to);
    this.#known.delete(to);
    this.#known.set(to, circuit);
    const [oldest] = this.#known.size > circuitsMax ? this.#known.keys() : [];
    if (oldest !== undefined) this.#known.delete(oldest);
    return circuit;
  }

  #make(to: string): Circuit {
    const { clock, logger } = this.#deps;
    return new Circuit(clock, this.#settings, (isOpen) => {
      if (isOpen) logger.warn({ to, open_ms: this.#settings.openMs }, "failed too often in a row, is left alone");
      else logger.info({ to }, "answers again");
    });
  }
}

/** Thrown for the library, which counts what is thrown. */
class NotWell extends Error {
  readonly isIll: boolean;

  constructor(isIll: boolean) {
    super("The attempt does not show that the other side is well");
    this.isIll = isIll;
  }
}

class Circuit {
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #breaker: CircuitBreakerPolicy;
  #openUntil = 0;

  constructor(clock: Pick<Clock, "monotonic">, settings: CircuitSettings, onChange: (isOpen: boolean) => void) {
    this.#clock = clock;
    // An attempt that tells nothing must not close a circuit, and outside the trial it counts for nothing.
    const isFailure = (error: unknown) =>
      error instanceof NotWell && (error.isIll || this.#breaker.state === BreakerState.HalfOpen);
    this.#breaker = circuitBreaker(handleWhen(isFailure), {
      breaker: new ConsecutiveBreaker(settings.failuresMax),
      halfOpenAfter: this.#pause(settings.openMs),
    });
    let isOpen = false;
    const change = (next: boolean) => {
      if (next !== isOpen) onChange(next);
      isOpen = next;
    };
    this.#breaker.onBreak(() => change(true));
    this.#breaker.onReset(() => change(false));
  }

  get state(): CircuitState {
    if (this.#breaker.state === BreakerState.Closed) return "closed";
    return this.#breaker.state === BreakerState.Open && this.#leftMs > 0 ? "open" : "half-open";
  }

  async run<T>(attempt: () => Promise<T>, healthOf: (end: Settled<T>) => Health): Promise<T> {
    // The library would let the others wait for the trial's end without a deadline.
    if (this.#breaker.state === BreakerState.HalfOpen) throw new CircuitOpenError(trialMs);
    if (this.state === "open") throw new CircuitOpenError(this.#leftMs);
    const ended: { end?: Settled<T> } = {};
    const count = async () => {
      ended.end = await settle(attempt);
      const health = healthOf(ended.end);
      if (health !== "well") throw new NotWell(health === "ill");
    };
    await this.#breaker.execute(count).catch((error: unknown) => {
      if (!(error instanceof NotWell)) throw error;
    });
    const { end } = ended;
    assert(end !== undefined, "an attempt that was made has an end");
    if ("error" in end) throw end.error;
    return end.value;
  }

  get #leftMs(): number {
    return Math.ceil(this.#openUntil - this.#clock.monotonic());
  }

  /** The library compares a pause's length with the wall clock, which may be set back: the length it reads is decided by ours. */
  #pause(openMs: number) {
    const next = () => {
      this.#openUntil = this.#clock.monotonic() + openMs;
      const leftMs = () => this.#leftMs;
      return {
        get duration() {
          return leftMs() > 0 ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
        },
        next,
      };
    };
    return { next };
  }
}

/** An attempt's end as a value. */
export async function settle<T>(attempt: () => Promise<T>): Promise<Settled<T>> {
  try {
    return { value: await attempt() };
  } catch (error) {
    return { error };
  }
}
