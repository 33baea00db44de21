import { backOff as clientBackOff } from "@armorclaw/client-sdk/retry";
import { describe, expect, test } from "@jest/globals";
import { ManualClock } from "../../tests/support/manual-clock.ts";
import { backOff, retry } from "./retry.ts";

const waits = [
  { jitter: 0, random: 0, failures: 1, ms: 100 },
  { jitter: 0, random: 0, failures: 4, ms: 800 },
  { jitter: 0, random: 0, failures: 5, ms: 1_000 },
  { jitter: 0, random: 0, failures: 5_000, ms: 1_000 },
  { jitter: 0.25, random: 0, failures: 2, ms: 150 },
  { jitter: 0.25, random: 0.5, failures: 2, ms: 175 },
  { jitter: 1, random: 0, failures: 3, ms: 0 },
  { jitter: 1, random: 0.999, failures: 9, ms: 999 },
];

describe("backOff", () => {
  test.each(waits)("waits $ms ms after $failures failures with a jitter of $jitter", (row) => {
    const options = { firstMs: 100, maxMs: 1_000, jitter: row.jitter, random: () => row.random };
    expect(backOff(options)(row.failures)).toBe(row.ms);
    expect(clientBackOff(options)(row.failures)).toBe(row.ms);
  });
});

/** Fails as often as `failures` has entries, with their messages. */
function failing(...failures: string[]) {
  const attempts: number[] = [];
  const action = (attempt: number) => {
    attempts.push(attempt);
    const failure = failures.shift();
    return failure === undefined ? Promise.resolve("done") : Promise.reject(new Error(failure));
  };
  return { attempts, action };
}

async function outcomeOf(promise: Promise<string>, clock: ManualClock): Promise<string> {
  let outcome: string | undefined;
  const settled = promise.then(
    (result) => {
      outcome = result;
    },
    (error: Error) => {
      outcome = error.message;
    },
  );
  for (let turn = 0; turn < 10 && outcome === undefined; turn += 1) {
    clock.advance(1_000);
    await new Promise(setImmediate);
  }
  await settled;
  return outcome ?? "";
}

describe("retry", () => {
  const shouldRetry = (error: unknown) => error instanceof Error && error.message !== "final";
  test.each([
    { failures: [], attempts: 1, outcome: "done" },
    { failures: ["a", "b"], attempts: 3, outcome: "done" },
    { failures: ["a", "b", "c", "d"], attempts: 3, outcome: "c" },
    { failures: ["a", "final"], attempts: 2, outcome: "final" },
  ])("after $failures has made $attempts attempts and ends with $outcome", async ({ failures, attempts, outcome }) => {
    const clock = new ManualClock();
    const tried = failing(...failures);
    const options = { attemptsMax: 3, backOff: backOff({ firstMs: 10, maxMs: 10 }), clock, shouldRetry };
    expect(await outcomeOf(retry(tried.action, options), clock)).toBe(outcome);
    expect(tried.attempts).toHaveLength(attempts);
  });

  test("stops waiting when the signal aborts", async () => {
    const ending = new AbortController();
    const tried = failing("a");
    const options = { attemptsMax: 3, backOff: () => 60_000, clock: new ManualClock(), signal: ending.signal };
    const result = retry(tried.action, options);
    await new Promise(setImmediate);
    ending.abort(new Error("the caller left"));
    await expect(result).rejects.toThrow("the caller left");
    expect(tried.attempts).toEqual([1]);
  });
});
