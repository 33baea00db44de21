import { BridgeError } from "@armorclaw/protocol/errors";
import { onAbort } from "../../../platform/abort.ts";

/** Waits for a condition that is checked after every change. */
export class StateChanges {
  readonly #checks = new Set<() => void>();

  notify(): void {
    for (const check of [...this.#checks]) check();
  }

  /** Resolves with the first defined value of the probe. @throws BridgeError MATRIX_NOT_READY when the signal aborts first */
  until<T>(probe: () => T | undefined, signal: AbortSignal): Promise<T> {
    const found = Promise.withResolvers<T>();
    const check = () => {
      const value = probe();
      if (value !== undefined) found.resolve(value);
    };
    const removeListener = onAbort(signal, () =>
      found.reject(new BridgeError("MATRIX_NOT_READY", undefined, undefined, { cause: signal.reason })),
    );
    this.#checks.add(check);
    check();
    return found.promise.finally(() => {
      this.#checks.delete(check);
      removeListener();
    });
  }
}
