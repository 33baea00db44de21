import { expect, test } from "@jest/globals";
import { RestartPolicy } from "./restart-policy.ts";

const settings = { initialMs: 500, maxMs: 4_000, healthyAfterMs: 10_000, failuresMax: 100, windowMs: 1_000_000 };

test("the first restart is at once, then waits double up to the longest with jitter of 20 %, and start over after a healthy time", () => {
  const policy = new RestartPolicy(settings, () => 0.5);
  const waits = [0, 0, 0, 0, 0, 20_000].map((ranMs, at) => policy.failed(at, ranMs));
  expect(waits).toEqual([0, 500, 1_000, 2_000, 4_000, 0]);
  for (const [random, wait] of [
    [0, 400],
    [0.999_999, 600],
  ] as const) {
    const jittered = new RestartPolicy(settings, () => random);
    expect([jittered.failed(0, 0), jittered.failed(1, 0)]).toEqual([0, wait]);
  }
  policy.reset();
  expect(policy.failed(7, 0)).toBe(0);
});

test("a crash loop ends: so many failures within the window, but not when they are far apart", () => {
  const dense = new RestartPolicy({ ...settings, failuresMax: 3, windowMs: 100 }, () => 0.5);
  expect([0, 10, 20].map((at) => dense.failed(at, 0) === undefined)).toEqual([false, false, true]);
  const sparse = new RestartPolicy({ ...settings, failuresMax: 3, windowMs: 100 }, () => 0.5);
  expect([0, 60, 120, 180].map((at) => sparse.failed(at, 0) === undefined)).toEqual([false, false, false, false]);
});
