import { expect, test } from "@jest/globals";
import { untilNextBeat } from "./beat-times.ts";

const starts = Array.from({ length: 1_000 }, (_, i) => 1_700_000_000_000 + i * 7.3);
const times = (everyMs: number) => starts.map((nowMs) => nowMs + untilNextBeat(nowMs, everyMs));

test("agents share a few beat times in an interval, and do not all beat at the same one", () => {
  const within = times(2_000).map((at) => Math.floor(at / 50) % 40);
  expect(new Set(within).size).toBe(20);
});

test.each([2_000, 100, 333])(
  "with an interval of %d ms the beats are at most that far apart, and rarely closer",
  (everyMs) => {
    const waits = starts.map((nowMs) => untilNextBeat(nowMs, everyMs));
    expect(Math.max(...waits)).toBeLessThanOrEqual(everyMs);
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(everyMs * 0.94);
  },
);
