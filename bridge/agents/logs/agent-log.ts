import type { LogLine } from "@armorclaw/protocol";
import type { LastSeen, OutputLine } from "../../containers/index.ts";
import { type Clock, timestamp } from "../../platform/clock.ts";
import type { LogFile } from "./log-file.ts";
import type { Quota } from "./quota.ts";
import { redact } from "./redact.ts";

export interface LogQuery {
  readonly tail: number;
  readonly follow: boolean;
  /** RFC 3339. */
  readonly since?: string | undefined;
  readonly grep?: string | undefined;
}

export interface LogBookOptions {
  readonly clock: Clock;
  /** Of what is kept in memory. */
  readonly bytesMax: number;
  readonly quota: Quota;
  /** Where it is kept over restarts; in memory alone when left out. */
  readonly file?: LogFile | undefined;
}

/** What an agent wrote, up to a bound in bytes; the oldest lines go first. */
export class LogBook {
  readonly #options: LogBookOptions;
  readonly #lines: LogLine[] = [];
  readonly #waiting = new Set<() => void>();
  #bytes = 0;
  #bytesWritten = 0;
  #dropped = 0;
  /** How many lines were forgotten: the number of the first line that is kept. */
  #forgotten = 0;

  constructor(options: LogBookOptions) {
    this.#options = options;
  }

  get bytesWritten(): number {
    return this.#bytesWritten;
  }

  get bytesDropped(): number {
    return this.#options.quota.refused;
  }

  /** What the bridge says about the agent. */
  write(line: string): void {
    this.#keep("bridge", line);
  }

  /** What came together because nobody read it in time was not written too fast; the engine's log bounds it. */
  writeOutput({ stream, line, at, wasMissed = false }: OutputLine): void {
    if (!wasMissed && !this.#options.quota.take(weight(line))) {
      this.#dropped += 1;
      return;
    }
    if (this.#dropped > 0) this.write(`${this.#dropped} lines were dropped: it writes more than its quota`);
    this.#dropped = 0;
    this.#keep(stream, redact(line), at);
  }

  /** Up to where the engine's own log was kept here. */
  lastSeen(): LastSeen {
    return this.#options.file?.lastSeen() ?? {};
  }

  #keep(stream: LogLine["stream"], text: string, at?: string): void {
    const time = at === undefined ? timestamp(this.#options.clock) : new Date(at).toISOString();
    const line = { time, stream, line: text };
    this.#options.file?.write(line, at);
    this.#lines.push(line);
    this.#bytes += weight(text);
    this.#bytesWritten += Buffer.byteLength(text);
    while (this.#bytes > this.#options.bytesMax && this.#lines.length > 1) {
      this.#bytes -= weight(this.#lines.shift()?.line ?? "");
      this.#forgotten += 1;
    }
    for (const wake of [...this.#waiting]) wake();
  }

  /** Yields the last `tail` lines that match and, with `follow`, every later one until the signal aborts. */
  async *read({ tail, follow, since, grep }: LogQuery, signal: AbortSignal): AsyncGenerator<LogLine> {
    const needle = grep?.toLowerCase();
    const from = since === undefined ? undefined : Date.parse(since);
    const matches = ({ time, line }: LogLine) =>
      (from === undefined || Date.parse(time) >= from) && (needle === undefined || line.toLowerCase().includes(needle));
    const written = await this.#options.file?.lines();
    const past = (written ?? this.#lines).filter(matches);
    let next = this.#forgotten + this.#lines.length;
    yield* past.slice(tail === 0 ? past.length : -tail);
    while (follow && !signal.aborted) {
      if (next < this.#forgotten) {
        yield this.#missed(this.#forgotten - next);
        next = this.#forgotten;
      }
      const line = this.#lines[next - this.#forgotten];
      if (line === undefined) await this.#more(signal);
      else {
        next += 1;
        if (matches(line)) yield line;
      }
    }
  }

  close(): void {
    this.#options.file?.close();
  }

  #missed(count: number): LogLine {
    const line = `${count} lines were forgotten before they were read`;
    return { time: timestamp(this.#options.clock), stream: "bridge", line };
  }

  #more(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.#waiting.delete(done);
        signal.removeEventListener("abort", done);
        resolve();
      };
      this.#waiting.add(done);
      signal.addEventListener("abort", done, { once: true });
    });
  }
}

/** A line's share of the bound, with what it costs to keep one. */
const weight = (line: string): number => Buffer.byteLength(line) + 64;
