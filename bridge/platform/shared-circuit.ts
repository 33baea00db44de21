import { BoundedMap } from "./bounded-map.ts";
import { CircuitBreaker, type CircuitSettings, type CircuitState } from "./circuit-breaker.ts";
import type { Clock } from "./clock.ts";

/** The number of callers that are remembered; the least recent one is dropped first. */
const callersMax = 1_000;

interface Caller {
  readonly circuit: CircuitBreaker;
  /** On the monotonic clock. */
  succeededAtMs: number;
}

/**
 * A circuit breaker of a destination that several callers share. What one caller asks for can make a healthy destination fail, so
 * failures of one caller alone stop that caller alone: another one is still admitted, and its call shows how the destination is.
 */
export class SharedCircuit {
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #settings: CircuitSettings;
  readonly #callers = new BoundedMap<string, Caller>(callersMax);
  readonly #all: CircuitBreaker;
  /** Whose calls failed since the last success of anybody. */
  readonly #witnesses = new Set<string>();

  /** @param onChange is called when calls of all callers pause, and when they go on */
  constructor(
    clock: Pick<Clock, "monotonic">,
    settings: CircuitSettings,
    onChange: (state: "open" | "closed", reason: string) => void,
  ) {
    this.#clock = clock;
    this.#settings = settings;
    this.#all = new CircuitBreaker(clock, settings, onChange);
  }

  get state(): CircuitState {
    return this.#all.state;
  }

  /** @returns undefined when the attempt may be made, or the milliseconds after which the caller may ask again */
  enter(caller: string): number | undefined {
    const ownWaitMs = this.#of(caller).circuit.enter();
    if (ownWaitMs !== undefined) return ownWaitMs;
    const isUnconfirmed = this.#witnesses.size === 1 && !this.#witnesses.has(caller);
    const waitMs = isUnconfirmed ? undefined : this.#all.enter();
    if (waitMs !== undefined) this.#of(caller).circuit.abandoned();
    return waitMs;
  }

  succeeded(caller: string): void {
    const own = this.#of(caller);
    own.succeededAtMs = this.#clock.monotonic();
    own.circuit.succeeded();
    this.#witnesses.clear();
    this.#all.succeeded();
  }

  /** The destination failed in answering the caller. */
  failed(caller: string, reason: string): void {
    this.#of(caller).circuit.failed(reason);
    if (this.#witnesses.size < 2) this.#witnesses.add(caller);
    if (this.#witnesses.size === 1 && this.#servesOthers(caller)) this.#all.abandoned();
    else this.#all.failed(reason);
  }

  /** The attempt ended without showing how the destination is. */
  abandoned(caller: string): void {
    this.#of(caller).circuit.abandoned();
    this.#all.abandoned();
  }

  /** Whether somebody else had a success within the time for which a circuit opens. */
  #servesOthers(caller: string): boolean {
    const sinceMs = this.#clock.monotonic() - this.#settings.openMs;
    return [...this.#callers.entries()].some(([name, { succeededAtMs }]) => name !== caller && succeededAtMs > sinceMs);
  }

  #of(name: string): Caller {
    const caller = this.#callers.get(name) ?? {
      circuit: new CircuitBreaker(this.#clock, this.#settings, () => undefined),
      succeededAtMs: Number.NEGATIVE_INFINITY,
    };
    this.#callers.set(name, caller);
    return caller;
  }
}
