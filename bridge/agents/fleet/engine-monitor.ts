import type { Engine } from "../../containers/index.ts";
import type { PublishEvent } from "../../events/index.ts";
import { beforeAbort } from "../../platform/abort.ts";
import { type Clock, delay } from "../../platform/clock.ts";

/** Longer than the engine's own deadline, whose error says more. */
const pingDeadlineMs = 12_000;
/** How often an engine that does not answer is pinged. */
const pollMs = 250;

/** Reports whether the engine answers. While the engine does not answer, failures do not count against agents. */
export class EngineMonitor {
  readonly #engine: Engine;
  readonly #publish: PublishEvent;
  readonly #clock: Clock;
  readonly #closing: AbortSignal;
  #unreachableSinceMs: number | undefined;
  #recovery: Promise<void> = Promise.resolve();

  /** @param closing aborts when the bridge stops: the engine is not pinged after that */
  constructor(engine: Engine, publish: PublishEvent, clock: Clock, closing: AbortSignal) {
    this.#engine = engine;
    this.#publish = publish;
    this.#clock = clock;
    this.#closing = closing;
  }

  get isReachable(): boolean {
    return this.#unreachableSinceMs === undefined;
  }

  /** Pings the engine. An engine that does not answer is pinged until it does. */
  async check(): Promise<boolean> {
    if (!this.isReachable) return false;
    const message = await this.#ping();
    if (message !== undefined) this.#markUnreachable(message);
    return message === undefined;
  }

  /** Called by who got no answer from the engine. Resolves when the engine answers again, or when the signal aborts. */
  async untilReachable(message: string, signal: AbortSignal): Promise<void> {
    this.#markUnreachable(message);
    await beforeAbort(this.#recovery, signal);
  }

  #markUnreachable(message: string): void {
    if (this.#unreachableSinceMs !== undefined || this.#closing.aborted) return;
    this.#unreachableSinceMs = this.#clock.monotonic();
    this.#publish("bridge.engine_unreachable", "bridge", { message });
    this.#recovery = this.#awaitRecovery(this.#unreachableSinceMs);
  }

  async #awaitRecovery(sinceMs: number): Promise<void> {
    do {
      await delay(this.#clock, pollMs, this.#closing).catch(() => undefined);
    } while (!this.#closing.aborted && (await this.#ping()) !== undefined);
    this.#unreachableSinceMs = undefined;
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
