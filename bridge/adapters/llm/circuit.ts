import type { Clock } from "../../platform/clock.ts";

export interface CircuitSettings {
  /** So many failures in a row open it. */
  readonly failuresMax: number;
  /** How long it stays open before one call tries again. */
  readonly openMs: number;
}

export type CircuitState = "closed" | "open" | "half-open";

/** Keeps calls from a provider that fails, and all callers in step with what it said about its rate. */
export class Circuit {
  readonly #clock: Clock;
  readonly #settings: CircuitSettings;
  readonly #onChange: (state: "open" | "closed", untilMs: number, reason: string) => void;
  #failures = 0;
  #openUntil = 0;
  #isOpen = false;
  #isProbing = false;
  #limitedUntil = 0;

  constructor(
    clock: Clock,
    settings: CircuitSettings,
    onChange: (state: "open" | "closed", untilMs: number, reason: string) => void,
  ) {
    this.#clock = clock;
    this.#settings = settings;
    this.#onChange = onChange;
  }

  get state(): CircuitState {
    if (!this.#isOpen) return "closed";
    return this.#clock.monotonic() < this.#openUntil ? "open" : "half-open";
  }

  /** How long a call should wait before it is made: 0 for at once. */
  get waitMs(): number {
    return Math.max(0, Math.ceil(this.#limitedUntil - this.#clock.monotonic()));
  }

  /** Milliseconds until the next try, or undefined when a call may be made now. A half-open circuit lets one call try. */
  enter(): number | undefined {
    if (!this.#isOpen) return undefined;
    const leftMs = this.#openUntil - this.#clock.monotonic();
    if (leftMs > 0) return Math.ceil(leftMs);
    if (this.#isProbing) return this.#settings.openMs;
    this.#isProbing = true;
    return undefined;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#isProbing = false;
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#onChange("closed", 0, "It answers again");
  }

  failed(reason: string): void {
    this.#failures += 1;
    this.#isProbing = false;
    if (!this.#isOpen && this.#failures < this.#settings.failuresMax) return;
    const isNew = !this.#isOpen;
    this.#isOpen = true;
    this.#openUntil = this.#clock.monotonic() + this.#settings.openMs;
    if (isNew) this.#onChange("open", this.#clock.now() + this.#settings.openMs, reason);
  }

  /** The call ended without saying anything about the provider. */
  left(): void {
    this.#isProbing = false;
  }

  /** The provider asked for no calls for so long. */
  limited(forMs: number): void {
    this.#limitedUntil = Math.max(this.#limitedUntil, this.#clock.monotonic() + forMs);
  }
}
