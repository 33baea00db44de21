import { describe, expect, test } from "@jest/globals";
import { ReplayWindow } from "./replay-window.ts";

describe("the replay window", () => {
  test("accepts each packet once, in any order, also after the counter wraps", () => {
    const window = new ReplayWindow();
    const first = window.accept(65_534) ?? 0;
    expect([65_535, 1, 0, 2].map((sequence) => window.accept(sequence))).toEqual([1, 3, 2, 4].map((n) => first + n));
    expect([65_534, 65_535, 0, 1, 2].map((sequence) => window.accept(sequence))).toEqual(Array(5).fill(undefined));
    expect(window.rejected).toBe(5);
  });

  test("refuses a recording of the call, however long ago it was made", () => {
    const window = new ReplayWindow();
    for (let at = 0; at < 5_000; at += 1) window.accept(at);
    for (let at = 0; at < 5_000; at += 1) expect(window.accept(at)).toBeUndefined();
    expect(window.accept(5_000)).toBeDefined();
  });
});
