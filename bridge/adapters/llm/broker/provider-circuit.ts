import { BoundedMap } from "../../../platform/bounded-map.ts";
import { CircuitBreaker, type CircuitSettings, type CircuitState } from "../../../platform/circuit-breaker.ts";
import type { Clock } from "../../../platform/clock.ts";
import { SharedCircuit } from "../../../platform/shared-circuit.ts";
import type { UpstreamFailure } from "./upstream.ts";

/** A call as the circuits see it: whose it is, and of which model. */
export interface CircuitCall {
  readonly caller: string;
  readonly model: string;
}

/** Reports a pause; `model` is undefined when it is of the whole provider. */
export type OnCircuitChange = (state: "open" | "closed", reason: string, model: string | undefined) => void;

/** More than a configuration names of one provider. */
const modelsMax = 1_000;

/**
 * The circuits of one provider. A connection that cannot be made is the provider's fault, whoever asks. An error in an answer may be the
 * model's or the request's, so it stops calls of that model alone, and of that caller alone until another caller fails, too.
 */
export class ProviderCircuit {
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #settings: CircuitSettings;
  readonly #onChange: OnCircuitChange;
  readonly #connection: CircuitBreaker;
  readonly #models = new BoundedMap<string, SharedCircuit>(modelsMax);

  constructor(clock: Pick<Clock, "monotonic">, settings: CircuitSettings, onChange: OnCircuitChange) {
    this.#clock = clock;
    this.#settings = settings;
    this.#onChange = onChange;
    this.#connection = new CircuitBreaker(clock, settings, (state, reason) => onChange(state, reason, undefined));
  }

  /** Of the provider, and of each model that was called. */
  get states(): readonly CircuitState[] {
    return [this.#connection.state, ...[...this.#models.values()].map(({ state }) => state)];
  }

  stateOf(model: string): CircuitState {
    const { state } = this.#connection;
    return state === "closed" ? (this.#models.get(model)?.state ?? "closed") : state;
  }

  /** @returns undefined when the attempt may be made, or the milliseconds after which the caller may ask again */
  enter({ caller, model }: CircuitCall): number | undefined {
    const waitMs = this.#connection.enter();
    if (waitMs !== undefined) return waitMs;
    const modelWaitMs = this.#of(model).enter(caller);
    if (modelWaitMs !== undefined) this.#connection.abandoned();
    return modelWaitMs;
  }

  succeeded({ caller, model }: CircuitCall): void {
    this.#connection.succeeded();
    this.#of(model).succeeded(caller);
  }

  /** Counts what the provider itself did: errors of its own, answers that did not come or broke off, and connections that it did not take. */
  failed(call: CircuitCall, failure: UpstreamFailure): void {
    const { caller, model } = call;
    const { kind, status, message } = failure;
    if (kind === "unsent") {
      this.#connection.failed(message);
      this.#of(model).abandoned(caller);
      return;
    }
    const isOwnError = status === undefined || status >= 500;
    if (!isOwnError) {
      this.abandoned(call);
      return;
    }
    // It took the connection, and perhaps answered.
    this.#connection.succeeded();
    this.#of(model).failed(caller, status === undefined ? message : `It answers ${status}`);
  }

  /** The attempt ended without showing how the provider is. */
  abandoned({ caller, model }: CircuitCall): void {
    this.#connection.abandoned();
    this.#of(model).abandoned(caller);
  }

  #of(model: string): SharedCircuit {
    const circuit =
      this.#models.get(model) ??
      new SharedCircuit(this.#clock, this.#settings, (state, reason) => this.#onChange(state, reason, model));
    this.#models.set(model, circuit);
    return circuit;
  }
}
