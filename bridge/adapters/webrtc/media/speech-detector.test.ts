import { describe, expect, test } from "@jest/globals";
import { SpeechDetector } from "./speech-detector.ts";

const noise = (level: number, seed: number) =>
  Int16Array.from({ length: 320 }, (_, at) => Math.round(Math.sin(at * 12.9898 + seed * 78.233) * level));

const changes = (frames: readonly (Int16Array | undefined)[]) => {
  const detector = new SpeechDetector();
  return frames.flatMap((frame, at) => {
    const change = detector.push(frame);
    return change === undefined ? [] : [`${change} at ${at}`];
  });
};

describe("the speech detector", () => {
  const quiet = Array.from({ length: 50 }, (_, at) => noise(20, at));
  const loud = Array.from({ length: 50 }, (_, at) => noise(8_000, at));

  test("begins after three loud frames and ends after 600 ms of quiet", () => {
    expect(changes([...quiet, ...loud, ...quiet])).toEqual(["started at 52", "stopped at 129"]);
  });

  test("treats neither silence nor a click as speech", () => {
    expect(changes([...Array(50).fill(undefined), ...quiet, noise(8_000, 1), ...quiet])).toEqual([]);
  });

  test("adapts to constant noise", () => {
    const fan = Array.from({ length: 3_000 }, (_, at) => noise(300, at));
    const found = changes([...quiet, ...fan]);
    expect(found.filter((change) => change.startsWith("started")).length).toBeLessThanOrEqual(1);
    expect(found.at(-1) ?? "stopped").toMatch(/^stopped/);
  });
});
