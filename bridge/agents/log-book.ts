import type { LogLine } from "@armorclaw/protocol";
import { type Clock, timestamp } from "../platform/clock.ts";

/** What an agent wrote, up to a bound in bytes; the oldest lines go first. */
export class LogBook {
  readonly #clock: Clock;
  readonly #bytesMax: number;
  readonly #lines: LogLine[] = [];
  readonly #waiting = new Set<() => void>();
  #bytes = 0;
  /** How many lines were forgotten: the number of the first line that is kept. */
  #forgotten = 0;

  constructor(clock: Clock, bytesMax: number) {
    this.#clock = clock;
    this.#bytesMax = bytesMax;
  }

  write(stream: LogLine["stream"], line: string): void {
    this.#lines.push({ time: timestamp(this.#clock), stream, line });
    this.#bytes += weight(line);
    while (this.#bytes > this.#bytesMax && this.#lines.length > 1) {
      this.#bytes -= weight(this.#lines.shift()?.line ?? "");
      this.#forgotten += 1;
    }
    for (const wake of [...this.#waiting]) wake();
  }

  /** Yields the last `tail` lines and, with `follow`, every later one until the signal aborts. */
  async *read(tail: number, follow: boolean, signal: AbortSignal): AsyncGenerator<LogLine> {
    let next = Math.max(this.#forgotten, this.#forgotten + this.#lines.length - tail);
    for (;;) {
      if (next < this.#forgotten) {
        yield {
          time: timestamp(this.#clock),
          stream: "bridge",
          line: `${this.#forgotten - next} lines were forgotten before they were read`,
        };
        next = this.#forgotten;
      }
      for (
        let line = this.#lines[next - this.#forgotten];
        line !== undefined;
        line = this.#lines[next - this.#forgotten]
      ) {
        next += 1;
        yield line;
        if (signal.aborted || next < this.#forgotten) break;
      }
      if (signal.aborted) return;
      if (next < this.#forgotten + this.#lines.length) continue;
      if (!follow) return;
      await this.#more(signal);
    }
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
