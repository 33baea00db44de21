import { ConnectionError } from "../types/errors.ts";

const newline = 0x0a;
/** The buffer that holds the line that has not ended is kept up to this size, and is new for each line above it. */
const keptBytes = 4 * 1024 * 1024;

/** Cuts a byte stream into lines, in time linear in its size however it is cut into chunks. Keeps copies, and no chunk. */
export class LineSplitter {
  readonly #bytesMax: number;
  #partial = Buffer.alloc(0);
  #partialBytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** @throws ConnectionError FRAME_TOO_LARGE when a line is longer than the bound */
  push(chunk: Buffer, onLine: (line: string) => void): void {
    let start = 0;
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
      this.#check(end - start);
      onLine(this.#partialBytes === 0 ? chunk.toString("utf8", start, end) : this.#take(chunk, start, end));
      start = end + 1;
    }
    if (start === chunk.length) return;
    this.#check(chunk.length - start);
    this.#hold(chunk, start, chunk.length);
  }

  /** Copies into one buffer that doubles. */
  #hold(chunk: Buffer, start: number, end: number): void {
    const needed = this.#partialBytes + end - start;
    if (this.#partial.length < needed) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#partial.length * 2));
      this.#partial.copy(grown, 0, 0, this.#partialBytes);
      this.#partial = grown;
    }
    chunk.copy(this.#partial, this.#partialBytes, start, end);
    this.#partialBytes = needed;
  }

  #take(chunk: Buffer, start: number, end: number): string {
    this.#hold(chunk, start, end);
    const line = this.#partial.toString("utf8", 0, this.#partialBytes);
    this.#partialBytes = 0;
    if (this.#partial.length > keptBytes) this.#partial = Buffer.alloc(0);
    return line;
  }

  #check(bytes: number): void {
    if (this.#partialBytes + bytes > this.#bytesMax) {
      throw new ConnectionError("FRAME_TOO_LARGE", `The bridge sent a line longer than ${this.#bytesMax} bytes`);
    }
  }
}
