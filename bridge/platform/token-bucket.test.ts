import { describe, expect, test } from "@jest/globals";
import { TokenBucket, TokenBuckets } from "./token-bucket.ts";

const rate = { perSecond: 10, burst: 3 };

function handClock() {
  const time = { ms: 0 };
  return { time, clock: { monotonic: () => time.ms } };
}

describe("TokenBucket", () => {
  test.each([
    { name: "a burst at once", takes: [1, 1, 1], waits: [0, 0, 0] },
    { name: "no more than a burst", takes: [1, 1, 1, 1, 1], waits: [0, 0, 0, 100, 100] },
    { name: "amounts", takes: [2, 2, 1], waits: [0, 100, 0] },
    { name: "a refused call with its penalty", takes: [3, 1, 1], penalty: 1, waits: [0, 200, 300] },
    { name: "a debt of one burst at most", takes: [3, 1, 1, 1, 1], penalty: 2, waits: [0, 300, 400, 400, 400] },
  ])("counts $name", ({ takes, penalty, waits }) => {
    const bucket = new TokenBucket(rate, handClock().clock);
    expect(takes.map((amount) => bucket.take(amount, penalty))).toEqual(waits);
  });

  test("fills with time, up to the burst", () => {
    const { time, clock } = handClock();
    const bucket = new TokenBucket(rate, clock);
    bucket.take(3);
    time.ms = 60;
    expect(bucket.take()).toBe(40);
    time.ms = 100;
    expect(bucket.take()).toBe(0);
    time.ms = 60_000;
    expect([1, 2, 3, 4].map(() => bucket.take())).toEqual([0, 0, 0, 100]);
  });
});

describe("TokenBuckets", () => {
  test("keeps one bucket for each key, and drops the oldest above its bound", () => {
    const buckets = new TokenBuckets({ rate: { perSecond: 1, burst: 1 }, keysMax: 2, clock: handClock().clock });
    expect(["a", "a", "b", "b"].map((key) => buckets.take(key))).toEqual([0, 1_000, 0, 1_000]);
    buckets.take("c");
    expect(["b", "a"].map((key) => buckets.take(key))).toEqual([1_000, 0]);
  });
});
