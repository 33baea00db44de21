import { StringDecoder } from "node:string_decoder";
import type Docker from "dockerode";
import { type Clock, delay } from "../../platform/clock.ts";
import type { LastSeen, OutputLine } from "../port/engine.ts";
import { LineSplitter } from "../process/line-splitter.ts";
import { statusOf } from "./docker-errors.ts";

export interface DockerOutputParts {
  readonly container: Docker.Container;
  readonly clock: Clock;
  readonly onLine: (line: OutputLine) => void;
  /** The position up to which an earlier bridge had read. */
  readonly after: LastSeen;
  /** The time when the container was adopted: no bridge read the output before it. */
  readonly takenOverAtMs: number | undefined;
  /** Settles when the container has ended. */
  readonly ended: Promise<unknown>;
  /** Aborts when the engine is closed. */
  readonly closed: AbortSignal;
}

const retryMs = 500;
/** The header of each entry of the log: its stream, three zero bytes and its length. */
const headerBytes = 8;
/** The engine cuts its reads at 16 KiB, so a much larger length is not an entry. */
const entryBytesMax = 1024 * 1024;

/**
 * Reads a container's output from the engine's log, over restarts of the bridge and of the engine. The engine's own
 * times, which only grow within a stream, show what was read already: each entry is passed on once.
 */
export class DockerOutput {
  readonly #parts: DockerOutputParts;
  readonly #splitters: Readonly<Record<OutputLine["stream"], LineSplitter>>;
  readonly #decoders = { stdout: new StringDecoder("utf8"), stderr: new StringDecoder("utf8") };
  /** The position before the current read. */
  #before: LastSeen;
  #latest: LastSeen;

  constructor(parts: DockerOutputParts) {
    this.#parts = parts;
    this.#before = parts.after;
    this.#latest = parts.after;
    this.#splitters = { stdout: this.#splitter("stdout"), stderr: this.#splitter("stderr") };
  }

  /** Resolves when no more output can arrive. */
  async follow(): Promise<void> {
    const { closed, clock } = this.#parts;
    const over = new AbortController();
    void this.#parts.ended.then(() => over.abort());
    while (!closed.aborted) {
      const outcome = await this.#read();
      for (const splitter of Object.values(this.#splitters)) splitter.end();
      if (outcome === "gone") return;
      // An engine that is stopped also ends its answers properly, so the output is complete only after the container's end.
      const early = outcome === "complete" ? AbortSignal.any([closed, over.signal]) : closed;
      await delay(clock, retryMs, early).catch(() => undefined);
      if (outcome === "complete" && over.signal.aborted) return;
    }
  }

  /** `cut` means that the engine went away in the middle. */
  async #read(): Promise<"complete" | "cut" | "gone"> {
    const { container, closed } = this.#parts;
    this.#before = this.#latest;
    try {
      const all = { follow: true, stdout: true, stderr: true, timestamps: true } as const;
      const log = await container.logs({ ...all, ...this.#since(), abortSignal: closed });
      let rest: Buffer = Buffer.alloc(0);
      for await (const chunk of log) rest = this.#take(Buffer.concat([rest, chunk as Buffer]));
      return "complete";
    } catch (error) {
      return statusOf(error) === 404 ? "gone" : "cut";
    }
  }

  /** The engine's filter has a resolution of seconds; repeated entries are skipped by their exact time. */
  #since(): { since?: number } {
    const { stdout, stderr } = this.#before;
    if (stdout === undefined || stderr === undefined) return {};
    return { since: Math.floor(Math.min(Date.parse(stdout), Date.parse(stderr)) / 1000) };
  }

  /** Passes on the complete entries at the beginning, and returns the rest. */
  #take(bytes: Buffer): Buffer {
    let at = 0;
    while (bytes.length - at >= headerBytes) {
      const length = bytes.readUInt32BE(at + 4);
      if (length > entryBytesMax) throw new Error(`An entry of ${length} bytes in the engine's log`);
      const end = at + headerBytes + length;
      if (end > bytes.length) break;
      this.#entry(bytes[at] === 2 ? "stderr" : "stdout", bytes.subarray(at + headerBytes, end));
      at = end;
    }
    return bytes.subarray(at);
  }

  /** An entry is its time, a space, and the text. Parts of one long line have the same time, so an entry is skipped only for a time of an earlier read. */
  #entry(stream: OutputLine["stream"], entry: Buffer): void {
    const space = entry.indexOf(" ");
    const at = entry.subarray(0, space).toString("latin1");
    if (at <= (this.#before[stream] ?? "")) return;
    this.#latest = { ...this.#latest, [stream]: at };
    this.#splitters[stream].push(this.#decoders[stream].write(entry.subarray(space + 1)));
  }

  #splitter(stream: OutputLine["stream"]): LineSplitter {
    const { onLine, takenOverAtMs = 0 } = this.#parts;
    return new LineSplitter((line) => {
      const at = this.#latest[stream] ?? "";
      onLine({ stream, line, at, wasMissed: Date.parse(at) < takenOverAtMs });
    });
  }
}
