import type { Engine } from "../../containers/index.ts";
import type { PublishEvent } from "../../events/index.ts";
import { type Clock, delay } from "../../platform/clock.ts";

/** Above the engine's own limit, whose message is the better one. */
const pingDeadlineMs = 12_000;
/** How often an engine that is away is asked. */
const awayPollMs = 250;

/** Whether the engine answers. While it does not, agents are not to blame for what cannot be done with them. */
export class EngineWatch {
  readonly #engine: Engine;
  readonly #publish: PublishEvent;
  readonly #clock: Clock;
  readonly #closing: AbortSignal;
  #awaySinceMs: number | undefined;
  #returning: Promise<void> = Promise.resolve();

  /** @param closing aborts when the bridge stops: from then on nothing is asked */
  constructor(engine: Engine, publish: PublishEvent, clock: Clock, closing: AbortSignal) {
    this.#engine = engine;
    this.#publish = publish;
    this.#clock = clock;
    this.#closing = closing;
  }

  get isReachable(): boolean {
    return this.#awaySinceMs === undefined;
  }

  /** Asks the engine. One that is away is asked until it is back. */
  async check(): Promise<boolean> {
    if (!this.isReachable) return false;
    const message = await this.#ping();
    if (message !== undefined) this.#lost(message);
    return message === undefined;
  }

  /** The engine did not answer someone. Resolves when it is back, or when the signal aborts. */
  async whenBack(message: string, signal: AbortSignal): Promise<void> {
    this.#lost(message);
    await Promise.race([this.#returning, aborted(signal)]);
  }

  #lost(message: string): void {
    if (this.#awaySinceMs !== undefined || this.#closing.aborted) return;
    this.#awaySinceMs = this.#clock.monotonic();
    this.#publish("bridge.engine_unreachable", "bridge", { message });
    this.#returning = this.#awaitReturn(this.#awaySinceMs);
  }

  async #awaitReturn(sinceMs: number): Promise<void> {
    do {
      await delay(this.#clock, awayPollMs, this.#closing).catch(() => undefined);
    } while (!this.#closing.aborted && (await this.#ping()) !== undefined);
    this.#awaySinceMs = undefined;
    if (this.#closing.aborted) return;
    this.#publish("bridge.engine_reachable", "bridge", { away_ms: Math.round(this.#clock.monotonic() - sinceMs) });
  }

  async #ping(): Promise<string | undefined> {
    try {
      await this.#engine.ping(AbortSignal.any([this.#closing, AbortSignal.timeout(pingDeadlineMs)]));
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
