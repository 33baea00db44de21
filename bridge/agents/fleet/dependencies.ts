import { BridgeError } from "@armorclaw/protocol";
import { until } from "../../platform/abort.ts";

/** Lets agents wait until agents of other loops are ready. */
export class Dependencies {
  readonly #isReady: (loop: string) => boolean;
  readonly #checks = new Set<() => void>();

  constructor(isReady: (loop: string) => boolean) {
    this.#isReady = isReady;
  }

  /** Called when an agent has become ready. */
  agentReady(): void {
    for (const check of [...this.#checks]) check();
  }

  /**
   * Resolves when each loop has a ready agent.
   * @throws BridgeError AGENT_START_FAILED after `patienceMs`; rejects with the signal's reason when that aborts first
   */
  async wait(
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
      await this.#one(loop, patience === undefined ? signal : AbortSignal.any([signal, patience])).catch((cause) => {
        throw patience?.aborted === true ? new BridgeError("AGENT_START_FAILED", message, undefined, { cause }) : cause;
      });
    }
  }

  async #one(loop: string, signal: AbortSignal): Promise<void> {
    const ready = Promise.withResolvers<void>();
    const check = () => {
      if (this.#isReady(loop)) ready.resolve();
    };
    this.#checks.add(check);
    try {
      await until(ready.promise, signal);
    } finally {
      this.#checks.delete(check);
    }
  }
}
