import type { LogLine } from "@armorclaw/protocol";
import type { LastSeen, OutputLine } from "../../containers/index.ts";
import { beforeAbort } from "../../platform/abort.ts";
import { type Clock, timestamp } from "../../platform/clock.ts";
import type { LogFile } from "./log-file.ts";
import type { Quota } from "./quota.ts";
import { StreamRedactor } from "./redact.ts";

export interface LogQuery {
  readonly tail: number;
  readonly follow: boolean;
  /** RFC 3339. */
  readonly since?: string | undefined;
  readonly grep?: string | undefined;
}

export interface AgentLogOptions {
  readonly clock: Clock;
  /** The bound of what is kept in memory. */
  readonly bytesMax: number;
  readonly quota: Quota;
  /** Keeps the log over restarts; the log is in memory alone when left out. */
  readonly file?: LogFile | undefined;
}

/** The output of an agent, up to a bound in bytes. The oldest lines are dropped first. */
export class AgentLog {
  readonly #options: AgentLogOptions;
  readonly #lines: LogLine[] = [];
  readonly #waiting = new Set<() => void>();
  #bytes = 0;
  #bytesWritten = 0;
  #dropped = 0;
  readonly #redactors = { stdout: new StreamRedactor(), stderr: new StreamRedactor() };
  /** The number of lines that were dropped, which is also the number of the first line that is kept. */
  #forgottenLines = 0;

  constructor(options: AgentLogOptions) {
    this.#options = options;
  }

  get bytesWritten(): number {
    return this.#bytesWritten;
  }

  get bytesDropped(): number {
    return this.#options.quota.refused;
  }

  /** Writes a line of the bridge's own about the agent. */
  write(line: string): void {
    this.#keep("bridge", line);
  }

  /** The quota does not apply to lines that were written while no bridge ran: the engine's own log bounds them. */
  writeOutput({ stream, line, at, wasMissed = false }: OutputLine): void {
    const text = this.#redactors[stream].redact(line);
    if (!wasMissed && !this.#options.quota.take(weight(line))) {
      this.#dropped += 1;
      return;
    }
    if (this.#dropped > 0) this.write(`${this.#dropped} lines were dropped: the agent writes more than its quota`);
    this.#dropped = 0;
    this.#keep(stream, text, at);
  }

  /** Up to where the lines of the engine's own log are in this log. */
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
      this.#forgottenLines += 1;
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
    let next = this.#forgottenLines + this.#lines.length;
    yield* past.slice(tail === 0 ? past.length : -tail);
    while (follow && !signal.aborted) {
      if (next < this.#forgottenLines) {
        yield this.#missed(this.#forgottenLines - next);
        next = this.#forgottenLines;
      }
      const line = this.#lines[next - this.#forgottenLines];
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
    const line = `${count} lines were dropped before they were read`;
    return { time: timestamp(this.#options.clock), stream: "bridge", line };
  }

  async #more(signal: AbortSignal): Promise<void> {
    const { promise: more, resolve } = Promise.withResolvers<void>();
    this.#waiting.add(resolve);
    await beforeAbort(more, signal);
    this.#waiting.delete(resolve);
  }
}

/** The share of the bound that a line uses, with the overhead of keeping it. */
const weight = (line: string): number => Buffer.byteLength(line) + 64;
