import { execFileSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";

export const hasSpeech = existsSync("/usr/bin/espeak-ng") && existsSync("/usr/bin/pocketsphinx_continuous");

/** Writes a microphone's recording: silence, the sentence, and a long silence. */
export function sayIntoFile(path: string, sentence: string): void {
  const spoken = execFileSync("espeak-ng", ["-v", "en-us", "-s", "150", "--stdin", "--stdout"], { input: sentence });
  const silence = (seconds: number) => Buffer.alloc(22_050 * 2 * seconds);
  const body = Buffer.concat([silence(3), spoken.subarray(44), silence(30)]);
  const header = Buffer.from(spoken.subarray(0, 44));
  header.writeUInt32LE(36 + body.length, 4);
  header.writeUInt32LE(body.length, 40);
  writeFileSync(path, Buffer.concat([header, body]));
}

const loud = 500;

/** Returns the spoken part of the received audio; undefined before it begins, and while it may continue. */
export function spokenPart(samples: Int16Array, rate: number): Int16Array | undefined {
  const isLoud = (sample: number) => Math.abs(sample) > loud;
  const [first, last] = [samples.findIndex(isLoud), samples.findLastIndex(isLoud)];
  const margin = rate / 2;
  if (first < 0 || samples.length < last + margin) return undefined;
  return samples.slice(Math.max(0, first - margin), last + margin);
}
