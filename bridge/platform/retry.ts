// Own code: p-retry and cockatiel wait on the global timers, so that no test could move their time, and draw no jitter below the wait.
import { type Clock, delay } from "./clock.ts";

export interface BackOffOptions {
  /** The wait after the first failure. It doubles with each further failure. */
  readonly firstMs: number;
  readonly maxMs: number;
  /** The share of each wait that is random, from 0 (none) to 1 (all of it), so that many callers do not return in step. */
  readonly jitter?: number;
  /** Draws from [0, 1). */
  readonly random?: () => number;
}

/** The wait in whole milliseconds after this many failures in a row, counted from 1. */
export type BackOff = (failures: number) => number;

/** The only back-off formula of the bridge: exponential up to `maxMs`. The jitter shortens a wait and never lengthens it. */
export const backOff =
  ({ firstMs, maxMs, jitter = 0, random = Math.random }: BackOffOptions): BackOff =>
  (failures) =>
    Math.round(Math.min(maxMs, firstMs * 2 ** (failures - 1)) * (1 - jitter + jitter * random()));

export interface RetryOptions {
  /** How often the action is tried, the first time included. */
  readonly attemptsMax: number;
  readonly backOff: BackOff;
  readonly clock: Pick<Clock, "after">;
  /** Ends the wait before the next attempt. The action itself must observe it too. */
  readonly signal?: AbortSignal;
  /** Whether another attempt may succeed. Every failure is retried without it. */
  readonly shouldRetry?: (error: unknown) => boolean;
}

/**
 * Calls `action` until it succeeds, and waits between the attempts.
 * @returns what the first successful attempt returned
 * @throws the last attempt's error, or the signal's reason when it aborts during a wait
 */
export async function retry<T>(action: (attempt: number) => Promise<T>, options: RetryOptions): Promise<T> {
  const { attemptsMax, clock, signal, shouldRetry = () => true } = options;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await action(attempt);
    } catch (error) {
      if (attempt >= attemptsMax || !shouldRetry(error)) throw error;
      await delay(clock, options.backOff(attempt), signal);
    }
  }
}
