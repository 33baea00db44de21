import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, statSync } from "node:fs";
import { appendFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { LogLine } from "@armorclaw/protocol";
import type { LastSeen } from "../../containers/index.ts";
import type { Logger } from "../../logging/index.ts";
import type { Clock, Timer } from "../../platform/clock.ts";

/** Lines are written this long after they came, together. A crash of the bridge loses no more than that. */
const flushAfterMs = 50;

/** One agent's log on disk: a line of JSON each, in a file that is turned over once, so that it stays within its bound. */
export class LogFile {
  readonly #path: string;
  readonly #bytesMax: number;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #pending: string[] = [];
  #timer: Timer | undefined;
  #bytes: number | undefined;
  #writing: Promise<void> = Promise.resolve();

  /** @param bytesMax of both files together */
  constructor(path: string, bytesMax: number, clock: Clock, logger: Logger) {
    this.#path = path;
    this.#bytesMax = bytesMax;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** @param at the engine's own time of it, by which the end of what is kept is found in the engine's log */
  write(line: LogLine, at?: string): void {
    this.#pending.push(`${JSON.stringify({ ...line, ...(at === undefined ? {} : { at }) } satisfies KeptLine)}\n`);
    this.#timer ??= this.#clock.after(flushAfterMs, () => {
      this.#timer = undefined;
      this.#writing = this.#writing.then(() => this.#append());
    });
  }

  /** All lines that are kept, oldest first. */
  async lines(): Promise<LogLine[]> {
    await this.#writing;
    this.close();
    return this.#kept().map(({ at: _, ...line }) => line);
  }

  /** Of each stream, the engine's time of the last line that is kept. */
  lastSeen(): LastSeen {
    const kept = this.#kept();
    const isTurnedOver = existsSync(`${this.#path}.1`);
    // A stream that has nothing here may have had it in what was turned over: all of that came before what is here.
    const oldest = isTurnedOver ? kept.find(({ at }) => at !== undefined)?.at : undefined;
    const last = (of: LogLine["stream"]) => kept.findLast(({ stream, at }) => stream === of && at !== undefined)?.at;
    return { stdout: last("stdout") ?? oldest, stderr: last("stderr") ?? oldest };
  }

  #kept(): KeptLine[] {
    return [`${this.#path}.1`, this.#path].flatMap(readLines);
  }

  /** Writes what is pending. */
  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const text = this.#take();
    if (text !== "") this.#guarded(() => appendFileSync(this.#path, text, { mode: 0o600 }));
  }

  async #append(): Promise<void> {
    const text = this.#take();
    if (text === "") return;
    try {
      await appendFile(this.#path, text, { mode: 0o600 });
    } catch (error) {
      this.#failed(error);
    }
  }

  #take(): string {
    const isTorn = this.#pending.length > 0 && this.#bytes === undefined && endsTorn(this.#path);
    const text = (isTorn ? "\n" : "") + this.#pending.join("");
    this.#pending = [];
    if (text !== "") this.#guarded(() => this.#makeRoom(Buffer.byteLength(text)));
    return text;
  }

  #makeRoom(bytes: number): void {
    if (this.#bytes === undefined) mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
    this.#bytes ??= statSync(this.#path, { throwIfNoEntry: false })?.size ?? 0;
    if (this.#bytes > 0 && this.#bytes + bytes > this.#bytesMax / 2) {
      renameSync(this.#path, `${this.#path}.1`);
      this.#bytes = 0;
    }
    this.#bytes += bytes;
  }

  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#failed(error);
    }
  }

  /** A full disk costs the log its lines, not the agent its life. */
  #failed(error: unknown): void {
    this.#logger.warn({ error, path: this.#path }, "An agent's log could not be written");
  }
}

/** A full disk may have cut off the last line, which must not take the next one with it. */
function endsTorn(path: string): boolean {
  try {
    return !["", "\n"].includes(readFileSync(path, "utf8").slice(-1));
  } catch {
    return false;
  }
}

type KeptLine = LogLine & { readonly at?: string };

function readLines(path: string): KeptLine[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return [];
  }
  return text.split("\n").flatMap((line) => {
    // A crash may have cut the last line off.
    if (!line.endsWith("}")) return [];
    try {
      return [JSON.parse(line) as KeptLine];
    } catch {
      return [];
    }
  });
}
