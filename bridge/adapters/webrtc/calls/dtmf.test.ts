import { expect, test } from "@jest/globals";
import { toneShare } from "../../../../tests/support/voice/voice.ts";
import { dtmfTones, frequenciesOf } from "./dtmf.ts";

test.each([8_000, 16_000, 24_000, 48_000] as const)("each key produces its two tones and a pause, at %i Hz", (rate) => {
  const pressed = "5#";
  const samples = dtmfTones(pressed, rate);
  expect(samples.length).toBe((rate / 50) * 10 * pressed.length);
  [...pressed].forEach((key, index) => {
    const at = (index * samples.length) / pressed.length;
    const tone = samples.slice(at, at + (rate / 50) * 6);
    for (const hertz of frequenciesOf(key) ?? []) expect(toneShare(tone, hertz, rate)).toBeCloseTo(0.5, 1);
    expect(samples.slice(at + tone.length, at + samples.length / 2).every((sample) => sample === 0)).toBe(true);
  });
});

test("the keys have the frequencies of a telephone", () => {
  expect(frequenciesOf("1")).toEqual([697, 1209]);
  expect(frequenciesOf("0")).toEqual([941, 1336]);
  expect(frequenciesOf("D")).toEqual([941, 1633]);
  expect(frequenciesOf("x")).toBeUndefined();
});
