import { closeSync, mkdirSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { SampleRate } from "../protocol/sample-rate.ts";

const headerBytes = 44;
/** As many as the media thread queues. */
const framesAheadMax = 500;

/**
 * Writes a call to a WAV file, the caller on the left channel and the agent on the right. After the bridge was killed the header of
 * an open file has the length 0, although the samples follow it.
 */
export class AudioRecorder {
  readonly path: string;
  readonly #rate: SampleRate;
  readonly #file: number;
  #bytes = 0;
  #agent: Int16Array[] = [];

  constructor(directory: string, sessionId: string, rate: SampleRate) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    this.path = join(directory, `${sessionId}.wav`);
    this.#rate = rate;
    this.#file = openSync(this.path, "wx", 0o600);
    writeSync(this.#file, this.#header());
  }

  /** Queues 20 ms of the agent. Agents send ahead: the samples are written beside the caller's at the time of their playback. */
  agent(samples: Int16Array): void {
    if (this.#agent.length < framesAheadMax) this.#agent.push(samples.slice());
  }

  /** Drops the agent's queued samples, which are not played any more. */
  clear(): void {
    this.#agent = [];
  }

  caller(samples: Int16Array): void {
    const agent = this.#agent.shift();
    const both = new Int16Array(samples.length * 2);
    for (let at = 0; at < samples.length; at += 1) {
      both[2 * at] = samples[at] ?? 0;
      both[2 * at + 1] = agent?.[at] ?? 0;
    }
    const bytes = Buffer.from(both.buffer);
    writeSync(this.#file, bytes);
    this.#bytes += bytes.length;
  }

  close(): void {
    writeSync(this.#file, this.#header(), 0, headerBytes, 0);
    closeSync(this.#file);
  }

  #header(): Buffer {
    const header = Buffer.alloc(headerBytes);
    header.write("RIFF", 0);
    header.writeUInt32LE(36 + this.#bytes, 4);
    header.write("WAVEfmt ", 8);
    header.writeUInt32LE(16, 16);
    header.writeUInt16LE(1, 20);
    header.writeUInt16LE(2, 22);
    header.writeUInt32LE(this.#rate, 24);
    header.writeUInt32LE(this.#rate * 4, 28);
    header.writeUInt16LE(4, 32);
    header.writeUInt16LE(16, 34);
    header.write("data", 36);
    header.writeUInt32LE(this.#bytes, 40);
    return header;
  }
}
