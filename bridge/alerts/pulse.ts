import type { PublishEvent } from "../events/index.ts";
import type { Service } from "../lifecycle/index.ts";
import type { Clock, Timer } from "../platform/clock.ts";

const deadlineMs = 10_000;
/** This many failures in a row are reported. */
const failuresReported = 3;

export interface PulseDeps {
  readonly clock: Clock;
  readonly publish: PublishEvent;
  /** Rejects when the bridge is unhealthy. Then no pulse is sent. */
  check(): Promise<unknown>;
}

export interface PulseSettings {
  /** The watcher's address. Without one there is no pulse. */
  readonly pulseUrl?: string | undefined;
  readonly pulseEveryMs: number;
}

/**
 * Reports to an external watcher at an interval that the bridge runs, so that the watcher notices its absence whatever the reason.
 * A pulse is never queued: a late one would be wrong.
 */
export class Pulse implements Service {
  readonly name = "pulse";
  readonly #deps: PulseDeps;
  readonly #settings: PulseSettings;
  readonly #stopping = new AbortController();
  #failures = 0;
  #timer: Timer | undefined;
  #beating: Promise<void> | undefined;

  constructor(deps: PulseDeps, settings: PulseSettings) {
    this.#deps = deps;
    this.#settings = settings;
  }

  async start(): Promise<void> {
    const { pulseUrl, pulseEveryMs } = this.#settings;
    if (pulseUrl === undefined) return;
    this.#timer = this.#deps.clock.every(pulseEveryMs, () => this.#beat(pulseUrl));
    this.#beat(pulseUrl);
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#stopping.abort();
    await this.#beating;
  }

  #beat(url: string): void {
    this.#beating ??= this.#send(url)
      .then(
        () => this.#onBeat(),
        (error: unknown) => this.#onFailure(error),
      )
      .finally(() => {
        this.#beating = undefined;
      });
  }

  async #send(url: string): Promise<void> {
    await this.#deps.check();
    const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(deadlineMs)]);
    const response = await fetch(url, { method: "POST", redirect: "error", signal });
    await response.body?.cancel();
    if (!response.ok) throw new Error(`The watcher answered ${response.status}`);
  }

  #onBeat(): void {
    if (this.#failures >= failuresReported) this.#deps.publish("alert.pulse_recovered", "bridge", {});
    this.#failures = 0;
  }

  #onFailure(error: unknown): void {
    if (this.#stopping.signal.aborted) return;
    this.#failures += 1;
    if (this.#failures !== failuresReported) return;
    const reason = error instanceof Error ? error.message : String(error);
    this.#deps.publish("alert.pulse_failed", "bridge", { failures: this.#failures, reason });
  }
}
