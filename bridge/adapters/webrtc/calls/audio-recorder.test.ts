import { readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { tempDirectory } from "../../../../tests/support/temp.ts";
import { AudioRecorder } from "./audio-recorder.ts";

const frame = (value: number) => new Int16Array(160).fill(value);

test("an agent's queued audio is recorded at the time it is played, and not when it is dropped", () => {
  using temp = tempDirectory();
  const recorder = new AudioRecorder(temp.path, "sess", 8_000);
  for (const value of [1, 2, 3, 4]) recorder.agent(frame(value));
  for (const value of [10, 20, 30]) recorder.caller(frame(value));
  recorder.clear();
  recorder.caller(frame(40));
  recorder.close();
  const wav = readFileSync(recorder.path);
  const sampleOf = (index: number, side: number) => wav.readInt16LE(44 + (index * 160 * 2 + side) * 2);
  expect([0, 1, 2, 3].map((index) => sampleOf(index, 0))).toEqual([10, 20, 30, 40]);
  expect([0, 1, 2, 3].map((index) => sampleOf(index, 1))).toEqual([1, 2, 3, 0]);
  expect(wav.readUInt32LE(40)).toBe(4 * 160 * 4);
});
