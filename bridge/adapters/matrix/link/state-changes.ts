import { BridgeError } from "@armorclaw/protocol/errors";

/** Waiting for something that changes, looked at after every change. */
export class StateChanges {
  readonly #looks = new Set<() => void>();

  tell(): void {
    for (const look of [...this.#looks]) look();
  }

  /** Resolves with what the probe finds. @throws BridgeError MATRIX_NOT_READY when the signal aborts first */
  until<T>(probe: () => T | undefined, signal: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const found = probe();
        if (found === undefined) return;
        end();
        resolve(found);
      };
      const onAbort = () => {
        end();
        reject(new BridgeError("MATRIX_NOT_READY", undefined, undefined, { cause: signal.reason }));
      };
      const end = () => {
        this.#looks.delete(look);
        signal.removeEventListener("abort", onAbort);
      };
      this.#looks.add(look);
      signal.addEventListener("abort", onAbort, { once: true });
      if (signal.aborted) onAbort();
      else look();
    });
  }
}
