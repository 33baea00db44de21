import { describe, expect, test } from "@jest/globals";
import { answerTo, createLoop as createAssistant } from "../loops/voice-assistant.ts";
import { resample } from "./resample.ts";
import { readWav } from "./speech-engines.ts";
import { Utterances } from "./utterances.ts";

const tone = (hertz: number, rate: number, ms: number) =>
  Int16Array.from({ length: (rate * ms) / 1000 }, (_, at) => 10_000 * Math.sin((2 * Math.PI * hertz * at) / rate));

const crossings = (samples: Int16Array) =>
  samples.filter((sample, at) => at > 0 && sample >= 0 && (samples[at - 1] ?? 0) < 0).length;

describe("resampling", () => {
  test.each([
    [22_050, 16_000],
    [16_000, 48_000],
    [48_000, 16_000],
  ])("from %i to %i Hz keeps the frequency of a tone", (from, to) => {
    const result = resample(tone(400, from, 1_000), from, to);
    expect(result.length).toBe(to);
    expect(Math.abs(crossings(result) - 400)).toBeLessThanOrEqual(1);
    expect(Math.max(...result.subarray(1_000, -1_000))).toBeGreaterThan(9_500);
  });

  test("removes frequencies above the lower rate's limit", () => {
    expect(Math.max(...resample(tone(12_000, 48_000, 500), 48_000, 16_000).subarray(500, -500))).toBeLessThan(300);
  });
});

describe("utterances", () => {
  const frame = () => new Int16Array(320);
  const push = (utterances: Utterances, frames: number) => {
    for (let at = 0; at < frames; at += 1) utterances.push(frame());
  };

  test("include the sound just before the speech, and end with the speech", () => {
    const found: number[] = [];
    const utterances = new Utterances(16_000, ({ length }) => found.push(length / 320));
    push(utterances, 100);
    utterances.speech("started");
    push(utterances, 50);
    utterances.speech("stopped");
    push(utterances, 100);
    utterances.speech("stopped");
    expect(found).toEqual([70]);
  });

  test("have a longest length", () => {
    const found: number[] = [];
    const utterances = new Utterances(16_000, ({ length }) => found.push(length / 320));
    utterances.speech("started");
    push(utterances, 2_000);
    expect(found).toEqual([751, 751]);
  });
});

describe("the voice assistant", () => {
  const health = { status: "ok", agents_running: 3, problems: [] as string[] };
  const call = (async () => ({ health })) as never;
  test.each([
    ["system status", "all systems are running"],
    ["how many agents are running", "three agents are running"],
    ["approve the deployment", "i cannot approve or cancel anything in a call. please answer requests in the room"],
    ["what", "please say that again"],
    ["good bye", undefined],
  ])("answers %s", async (question, answer) => {
    expect(await answerTo(question, { call })).toBe(answer);
    expect(createAssistant().tick).toBeInstanceOf(Function);
  });

  test("names what is unhealthy, and does not take other words for a farewell", async () => {
    const problems = ["heartbeat-1 is failed", "It is locked", "a", "b"];
    const ill = (async () => ({ health: { status: "degraded", agents_running: 1, problems } })) as never;
    expect(await answerTo("system status", { call: ill })).toBe(
      "not all systems are running. heartbeat-1 is failed. It is locked. and 2 more problems",
    );
    expect(await answerTo("how many agents are running", { call: ill })).toBe("one agent is running");
    expect(await answerTo("good bye said the weather", { call: ill })).toBe("please say that again");
  });
});

test("a WAV file from a pipe is read whatever length its header states", () => {
  const wav = Buffer.alloc(50);
  wav.write("RIFF", 0);
  wav.writeUInt32LE(22_050, 24);
  wav.write("data", 36);
  wav.writeUInt32LE(0x7fff_f000, 40);
  wav.writeInt16LE(-5, 46);
  expect(readWav(wav)).toEqual({ samples: Int16Array.of(0, -5, 0), rate: 22_050 });
  expect(() => readWav(Buffer.from("<html>"))).toThrow(/not a WAV/);
});
