import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { resample } from "./resample.ts";

/** Speech to text. */
export interface SpeechRecognizer {
  /** Returns the spoken text, or an empty text when nothing was recognized. */
  recognize(samples: Int16Array, rate: number, signal: AbortSignal): Promise<string>;
}

/** Text to speech. */
export interface SpeechSynthesizer {
  speak(text: string, rate: number, signal: AbortSignal): Promise<Int16Array<ArrayBuffer>>;
}

const recognizerRate = 16_000;
const deadlineMs = 20_000;
/** The host's speech programs in a container that may run them. Outside of containers Debian's paths are used. */
const place = "/tmp/speech";

/** Debian's pocketsphinx. It is exact with a small grammar and unusable without one. It reads files only. */
export const pocketsphinx = (grammar: string): SpeechRecognizer => ({
  async recognize(samples, rate, signal) {
    const model = `${existsSync(place) ? place : "/usr/share"}/pocketsphinx/model/en-us`;
    const directory = await mkdtemp(join(tmpdir(), "stt-"));
    try {
      const [sound, rules] = [join(directory, "speech.raw"), join(directory, "grammar.jsgf")];
      await writeFile(sound, Buffer.from(resample(samples, rate, recognizerRate).buffer));
      await writeFile(rules, grammar);
      const args = [
        "-infile",
        sound,
        "-jsgf",
        rules,
        "-samprate",
        String(recognizerRate),
        "-logfn",
        "/dev/null",
        "-hmm",
        `${model}/en-us`,
        "-dict",
        `${model}/cmudict-en-us.dict`,
      ];
      const output = await run("pocketsphinx_continuous", args, "", signal);
      return output.toString().trim().replaceAll(/\s+/g, " ");
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  },
});

/** Debian's espeak-ng. The text is passed on its standard input, so that no text can be taken for an option. */
export const espeak: SpeechSynthesizer = {
  async speak(text, rate, signal) {
    const wav = await run("espeak-ng", ["-v", "en-us", "-s", "150", "--stdin", "--stdout"], text, signal);
    const { samples, rate: spokenRate } = readWav(wav);
    return resample(samples, spokenRate, rate);
  },
};

async function run(program: string, args: readonly string[], input: string, signal: AbortSignal): Promise<Buffer> {
  const isContained = existsSync(place);
  const child = spawn(isContained ? `${place}/bin/${program}` : `/usr/bin/${program}`, args, {
    env: isContained
      ? { HOME: "/tmp", LD_LIBRARY_PATH: `${place}/lib`, ESPEAK_DATA_PATH: `${place}/lib` }
      : { HOME: "/tmp" },
    stdio: ["pipe", "pipe", "ignore"],
    signal: AbortSignal.any([signal, AbortSignal.timeout(deadlineMs)]),
    killSignal: "SIGKILL",
  });
  const pieces: Buffer[] = [];
  child.stdout.on("data", (piece: Buffer) => pieces.push(piece));
  // Writing to a program that has ended fails. Its exit code is reported below.
  child.stdin.on("error", () => undefined);
  child.stdin.end(input);
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`${program} ended with ${code}`);
  return Buffer.concat(pieces);
}

/** Reads mono 16-bit PCM as espeak-ng writes it. The sizes in its header are wrong on a pipe and are ignored. */
export function readWav(wav: Buffer): { readonly samples: Int16Array<ArrayBuffer>; readonly rate: number } {
  const at = wav.indexOf("data");
  if (wav.toString("latin1", 0, 4) !== "RIFF" || at < 0) throw new Error("The output is not a WAV file");
  const data = wav.subarray(at + 8, at + 8 + Math.floor((wav.length - at - 8) / 2) * 2);
  const samples = new Int16Array(data.length / 2);
  Buffer.from(samples.buffer).set(data);
  return { samples, rate: wav.readUInt32LE(24) };
}
