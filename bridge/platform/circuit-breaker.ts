import type { Clock } from "./clock.ts";

export interface CircuitSettings {
  /** This many failures in a row open the circuit. */
  readonly failuresMax: number;
  /** How long the circuit stays open before it admits one attempt. */
  readonly openMs: number;
}

export type CircuitState = "closed" | "open" | "half-open";

/** While the one attempt of a half-open circuit runs, other callers are asked to come back after this time. */
const probeMs = 1_000;

/**
 * Stops calls to a destination that fails. The caller asks `enter` before an attempt and reports how the attempt ended with
 * `succeeded`, `failed` or `abandoned`. The time is the monotonic clock's, because the wall clock may be set back.
 */
export class CircuitBreaker {
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #settings: CircuitSettings;
  readonly #onChange: (state: "open" | "closed", reason: string) => void;
  #failures = 0;
  #openUntil = 0;
  #isOpen = false;
  #isProbing = false;

  /** @param onChange is called when the circuit opens or closes, not when a probe fails and it stays open */
  constructor(
    clock: Pick<Clock, "monotonic">,
    settings: CircuitSettings,
    onChange: (state: "open" | "closed", reason: string) => void,
  ) {
    this.#clock = clock;
    this.#settings = settings;
    this.#onChange = onChange;
  }

  get state(): CircuitState {
    if (!this.#isOpen) return "closed";
    return this.#clock.monotonic() < this.#openUntil ? "open" : "half-open";
  }

  /** @returns undefined when the attempt may be made, or the milliseconds after which the caller may ask again */
  enter(): number | undefined {
    if (!this.#isOpen) return undefined;
    const leftMs = this.#openUntil - this.#clock.monotonic();
    if (leftMs > 0) return Math.ceil(leftMs);
    if (this.#isProbing) return probeMs;
    this.#isProbing = true;
    return undefined;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#isProbing = false;
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#onChange("closed", "It answers again");
  }

  failed(reason: string): void {
    this.#failures += 1;
    this.#isProbing = false;
    if (!this.#isOpen && this.#failures < this.#settings.failuresMax) return;
    const wasOpen = this.#isOpen;
    this.#isOpen = true;
    this.#openUntil = this.#clock.monotonic() + this.#settings.openMs;
    if (!wasOpen) this.#onChange("open", reason);
  }

  /** The attempt ended without showing how the destination is, for example because its caller left. */
  abandoned(): void {
    this.#isProbing = false;
  }
}
