import { BridgeError } from "@armorclaw/protocol";

/** Lets agents wait for others to become ready. */
export class Readiness {
  readonly #isReady: (loop: string) => boolean;
  readonly #waiting = new Set<() => void>();

  constructor(isReady: (loop: string) => boolean) {
    this.#isReady = isReady;
  }

  /** An agent has become ready. */
  changed(): void {
    for (const look of [...this.#waiting]) look();
  }

  /**
   * Resolves when each loop has a ready agent.
   * @throws BridgeError AGENT_START_FAILED after `patienceMs`; rejects with the signal's reason when that aborts first
   */
  async of(
    loops: readonly string[],
    onWait: (message: string) => void,
    signal: AbortSignal,
    patienceMs?: number,
  ): Promise<void> {
    for (const loop of loops) {
      if (this.#isReady(loop)) continue;
      const message = `It waits for an agent of ${loop} to be ready`;
      onWait(message);
      const patience = patienceMs === undefined ? undefined : AbortSignal.timeout(patienceMs);
      await this.#one(loop, patience === undefined ? signal : AbortSignal.any([signal, patience])).catch((cause) => {
        throw patience?.aborted === true ? new BridgeError("AGENT_START_FAILED", message, undefined, { cause }) : cause;
      });
    }
  }

  #one(loop: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const settle = (done: () => void) => {
        this.#waiting.delete(look);
        signal.removeEventListener("abort", onAbort);
        done();
      };
      const look = () => {
        if (this.#isReady(loop)) settle(resolve);
      };
      const onAbort = () => settle(() => reject(signal.reason));
      this.#waiting.add(look);
      signal.addEventListener("abort", onAbort, { once: true });
    });
  }
}
