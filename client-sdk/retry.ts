export interface BackOffOptions {
  /** The wait after the first failure. It doubles with each further failure. */
  readonly firstMs: number;
  readonly maxMs: number;
  /** The share of each wait that is random, from 0 (none) to 1 (all of it), so that many clients do not return in step. */
  readonly jitter?: number;
  /** Draws from [0, 1). */
  readonly random?: () => number;
}

/** Returns the wait in whole milliseconds after this many failures in a row, counted from 1. The jitter only shortens a wait. */
export const backOff =
  ({ firstMs, maxMs, jitter = 0, random = Math.random }: BackOffOptions): ((failures: number) => number) =>
  (failures) =>
    Math.round(Math.min(maxMs, firstMs * 2 ** (failures - 1)) * (1 - jitter + jitter * random()));

/** Resolves after `ms` or when the signal aborts, whichever is first. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, Math.max(0, ms));
    signal.addEventListener("abort", done);
    if (signal.aborted) done();
  });
}
