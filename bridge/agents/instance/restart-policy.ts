export interface RestartSettings {
  readonly initialMs: number;
  readonly maxMs: number;
  /** After running this long an agent's waits start over. */
  readonly healthyAfterMs: number;
  /** This many failures within the window are a crash loop. */
  readonly failuresMax: number;
  readonly windowMs: number;
}

/**
 * When to start an agent again: at once after a first failure, then with exponential back-off and ±20 % jitter, and an
 * end to it in a crash loop.
 */
export class RestartPolicy {
  readonly #settings: RestartSettings;
  readonly #random: () => number;
  #failures: number[] = [];
  #streak = 0;

  /** @param random in [0, 1) */
  constructor(settings: RestartSettings, random: () => number) {
    this.#settings = settings;
    this.#random = random;
  }

  /** Forgets all failures: someone has looked into it. */
  reset(): void {
    this.#failures = [];
    this.#streak = 0;
  }

  /**
   * Records that the agent ended.
   * @param now monotonic milliseconds
   * @param ranMs how long it had run
   * @returns the wait in milliseconds, or undefined in a crash loop
   */
  failed(now: number, ranMs: number): number | undefined {
    const { initialMs, maxMs, healthyAfterMs, failuresMax, windowMs } = this.#settings;
    if (ranMs >= healthyAfterMs) this.#streak = 0;
    this.#failures = [...this.#failures.filter((at) => now - at < windowMs), now];
    if (this.#failures.length >= failuresMax) return undefined;
    const wait = this.#streak === 0 ? 0 : Math.min(maxMs, initialMs * 2 ** (this.#streak - 1));
    this.#streak += 1;
    return Math.round(wait * (0.8 + 0.4 * this.#random()));
  }
}
