import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, statSync } from "node:fs";
import { appendFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { LogLine } from "@armorclaw/protocol";
import type { LastSeen } from "../../containers/index.ts";
import type { Logger } from "../../logging/index.ts";
import type { Clock, Timer } from "../../platform/clock.ts";

/** Lines are collected for this long and written together. A crash of the bridge loses no more than that. */
const flushAfterMs = 50;

/** One agent's log on disk, as lines of JSON. The file is rotated to a second one, so that both stay within the bound. */
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

  /** @param at the engine's own time of the line, by which a restarted bridge finds its place in the engine's log */
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

  /** The engine's time of the last line that is kept of each stream. */
  lastSeen(): LastSeen {
    const kept = this.#kept();
    const isRotated = existsSync(`${this.#path}.1`);
    // A stream without lines here may have had lines in a file that was rotated away, all of which are older than those here.
    const oldest = isRotated ? kept.find(({ at }) => at !== undefined)?.at : undefined;
    const last = (of: LogLine["stream"]) => kept.findLast(({ stream, at }) => stream === of && at !== undefined)?.at;
    return { stdout: last("stdout") ?? oldest, stderr: last("stderr") ?? oldest };
  }

  #kept(): KeptLine[] {
    return [`${this.#path}.1`, this.#path].flatMap(readLines);
  }

  /** Writes the pending lines. */
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

  /** A log that cannot be written must not end the agent. */
  #failed(error: unknown): void {
    this.#logger.warn({ error, path: this.#path }, "an agent's log could not be written");
  }
}

/** Whether the file ends within a line, as after a full disk. The next line must not continue it. */
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
    // The last line may be incomplete after a crash.
    if (!line.endsWith("}")) return [];
    try {
      return [JSON.parse(line) as KeptLine];
    } catch {
      return [];
    }
  });
}
