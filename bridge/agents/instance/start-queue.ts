import { BridgeError } from "@armorclaw/protocol";
import { until } from "../../platform/abort.ts";

/** Says when an agent may start: once the loops that it comes after are ready, and while few other agents start. */
export class StartQueue {
  readonly #max: number;
  readonly #isReady: (loop: string) => boolean;
  readonly #waiting: (() => void)[] = [];
  readonly #readyChecks = new Set<() => void>();
  #running = 0;

  /** @param max how many starts go on at once: more would only compete for the processors */
  constructor(max: number, isReady: (loop: string) => boolean) {
    this.#max = max;
    this.#isReady = isReady;
  }

  /** Called when an agent has become ready. */
  agentReady(): void {
    for (const check of [...this.#readyChecks]) check();
  }

  /**
   * Resolves when each loop has a ready agent.
   * @throws BridgeError AGENT_START_FAILED after `patienceMs`; rejects with the signal's reason when that aborts first
   */
  async untilReady(
    loops: readonly string[],
    onWait: (message: string) => void,
    signal: AbortSignal,
    patienceMs?: number,
  ): Promise<void> {
    for (const loop of loops) {
      if (this.#isReady(loop)) continue;
      const message = `Waiting until an agent of ${loop} is ready`;
      onWait(message);
      const patience = patienceMs === undefined ? undefined : AbortSignal.timeout(patienceMs);
      await this.#loopReady(loop, patience === undefined ? signal : AbortSignal.any([signal, patience])).catch(
        (cause) => {
          throw patience?.aborted === true
            ? new BridgeError("AGENT_START_FAILED", message, undefined, { cause })
            : cause;
        },
      );
    }
  }

  /** Runs `work` when fewer than `max` others run. Rejects with the signal's reason when the signal aborts first. */
  async run<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    await this.#acquire(signal);
    try {
      return await work();
    } finally {
      this.#release();
    }
  }

  async #loopReady(loop: string, signal: AbortSignal): Promise<void> {
    const ready = Promise.withResolvers<void>();
    const check = () => {
      if (this.#isReady(loop)) ready.resolve();
    };
    this.#readyChecks.add(check);
    try {
      await until(ready.promise, signal);
    } finally {
      this.#readyChecks.delete(check);
    }
  }

  async #acquire(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#running < this.#max) {
      this.#running += 1;
      return;
    }
    const { promise: turn, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    try {
      await until(turn, signal);
    } catch (error) {
      const place = this.#waiting.indexOf(resolve);
      if (place >= 0) this.#waiting.splice(place, 1);
      // The turn came in the moment of the abort.
      else this.#release();
      throw error;
    }
  }

  #release(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#running -= 1;
    else next();
  }
}
