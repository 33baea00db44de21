// Own code: `node:util`'s aborted() never removes its listener, and p-cancelable and its like bring a promise class of their own.

/**
 * Calls `listener` once when the signal aborts, at once if it has aborted already.
 * @returns removes the listener
 */
export function onAbort(signal: AbortSignal | undefined, listener: () => void): () => void {
  if (signal?.aborted) {
    listener();
    return () => undefined;
  }
  const call = () => listener();
  signal?.addEventListener("abort", call, { once: true });
  return () => signal?.removeEventListener("abort", call);
}

/** Resolves when the signal aborts. Its listener stays until then: to race it against something else use `until` or `beforeAbort`. */
export const aborted = (signal: AbortSignal): Promise<void> => new Promise((resolve) => onAbort(signal, resolve));

/**
 * Settles as `promise` does, unless the signal aborts first. What `promise` does after that is ignored.
 * @throws the signal's reason when it aborts first
 */
export async function until<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const abort = Promise.withResolvers<never>();
  const remove = onAbort(signal, () => abort.reject(signal.reason));
  try {
    return await Promise.race([promise, abort.promise]);
  } finally {
    remove();
  }
}

/** Settles as `promise` does, or resolves with undefined when the signal aborts first. */
export async function beforeAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  const abort = Promise.withResolvers<undefined>();
  const remove = onAbort(signal, () => abort.resolve(undefined));
  try {
    return await Promise.race([promise, abort.promise]);
  } finally {
    remove();
  }
}
