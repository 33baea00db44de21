import { onAbort } from "./abort.ts";

/** A timer that can be cancelled. Cancelling it twice is harmless. */
export interface Timer {
  cancel(): void;
}

/** Time as a port: all code that waits or reads the time takes a clock, so that tests can move it. */
export interface Clock {
  /** Milliseconds since the epoch, for timestamps. */
  now(): number;
  /** Milliseconds that never go back, for durations. */
  monotonic(): number;
  /** Calls once after `ms`. Does not keep the process alive. */
  after(ms: number, callback: () => void): Timer;
  /** Calls every `ms` until cancelled. Does not keep the process alive. */
  every(ms: number, callback: () => void): Timer;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, callback) {
    const handle = setTimeout(callback, ms);
    handle.unref();
    return { cancel: () => clearTimeout(handle) };
  },
  every(ms, callback) {
    const handle = setInterval(callback, ms);
    handle.unref();
    return { cancel: () => clearInterval(handle) };
  },
};

/** RFC 3339 in UTC with milliseconds, as it goes on the wire. */
export const timestamp = (clock: Clock): string => new Date(clock.now()).toISOString();

/** Resolves after `ms`, or rejects with the signal's reason when that aborts first. */
export async function delay(clock: Pick<Clock, "after">, ms: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  const over = Promise.withResolvers<void>();
  const timer = clock.after(ms, over.resolve);
  const remove = onAbort(signal, () => over.reject(signal?.reason));
  try {
    await over.promise;
  } finally {
    timer.cancel();
    remove();
  }
}
