import { setTimeout as sleep } from "node:timers/promises";

/** A probe throws this when waiting is of no use any more. */
export class Hopeless extends Error {}

/**
 * Resolves with the first value that is neither undefined nor false; fails after `deadlineMs`, naming what was awaited, or at once when
 * the probe throws `Hopeless`.
 */
export async function until<T>(
  what: string,
  probe: () => Promise<T> | T,
  deadlineMs = 15_000,
): Promise<Exclude<NonNullable<T>, false>> {
  const end = performance.now() + deadlineMs;
  let last: unknown;
  for (;;) {
    try {
      const value = await probe();
      if (value !== undefined && value !== false && value !== null) return value as Exclude<NonNullable<T>, false>;
      last = value;
    } catch (error) {
      if (error instanceof Hopeless) throw error;
      last = error;
    }
    if (performance.now() > end) throw new Error(`${what} did not happen within ${deadlineMs} ms`, { cause: last });
    await sleep(20);
  }
}
