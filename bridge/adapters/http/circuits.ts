import type { Logger } from "../../logging/index.ts";
import { BoundedMap } from "../../platform/bounded-map.ts";
import { CircuitBreaker, type CircuitSettings, type CircuitState } from "../../platform/circuit-breaker.ts";
import type { Clock } from "../../platform/clock.ts";

/** What an attempt shows of the destination; `unknown` when it ended for another reason, such as a caller who left. */
export type Health = "healthy" | "failing" | "unknown";

export type Settled<T> = { readonly value: T } | { readonly error: unknown };

/** No attempt was made, because the destination failed too often in a row. */
export class CircuitOpenError extends Error {
  override readonly name = "CircuitOpenError";
  readonly retryAfterMs: number;

  constructor(retryAfterMs: number) {
    super(`The destination failed several times in a row; the next attempt is possible in ${retryAfterMs} ms`);
    this.retryAfterMs = retryAfterMs;
  }
}

/** Circuits that are kept; the one that was used least recently is dropped first. */
const circuitsMax = 1_000;

interface CircuitDeps {
  readonly clock: Pick<Clock, "monotonic">;
  readonly logger: Logger;
}

/** One circuit breaker for each of many destinations of one class. */
export class Circuits {
  readonly #deps: CircuitDeps;
  readonly #settings: CircuitSettings;
  readonly #known = new BoundedMap<string, CircuitBreaker>(circuitsMax);

  constructor(deps: CircuitDeps, settings: CircuitSettings) {
    this.#deps = deps;
    this.#settings = settings;
  }

  /**
   * Makes the attempt unless the circuit is open, and reports to the circuit what `healthOf` makes of its end.
   * @throws CircuitOpenError, or what the attempt throws
   */
  async run<T>(to: string, attempt: () => Promise<T>, healthOf: (end: Settled<T>) => Health): Promise<T> {
    const circuit = this.#circuit(to);
    const waitMs = circuit.enter();
    if (waitMs !== undefined) throw new CircuitOpenError(waitMs);
    const end = await settle(attempt);
    const health = healthOf(end);
    if (health === "healthy") circuit.succeeded();
    else if (health === "failing") circuit.failed("The attempt failed");
    else circuit.abandoned();
    if ("error" in end) throw end.error;
    return end.value;
  }

  get states(): CircuitState[] {
    return [...this.#known.values()].map(({ state }) => state);
  }

  #circuit(to: string): CircuitBreaker {
    const circuit = this.#known.get(to) ?? this.#make(to);
    this.#known.set(to, circuit);
    return circuit;
  }

  #make(to: string): CircuitBreaker {
    const { clock, logger } = this.#deps;
    return new CircuitBreaker(clock, this.#settings, (state) => {
      if (state === "open")
        logger.warn({ to, open_ms: this.#settings.openMs }, "The destination failed too often in a row; calls pause");
      else logger.info({ to }, "The destination answers again");
    });
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
