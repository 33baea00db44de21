import { ConnectionError } from "./errors.ts";

const newline = 0x0a;

/** Cuts a byte stream into lines, in time linear in its size however it is cut into chunks. Keeps copies, and no chunk. */
export class LineSplitter {
  readonly #bytesMax: number;
  #parts: Buffer[] = [];
  #partBytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** @throws ConnectionError FRAME_TOO_LARGE when a line is longer than the bound */
  push(chunk: Buffer, onLine: (line: string) => void): void {
    let start = 0;
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
      this.#check(end - start);
      onLine(this.#partBytes === 0 ? chunk.toString("utf8", start, end) : this.#take(chunk.subarray(start, end)));
      start = end + 1;
    }
    if (start === chunk.length) return;
    this.#check(chunk.length - start);
    this.#parts.push(Buffer.from(chunk.subarray(start)));
    this.#partBytes += chunk.length - start;
  }

  #take(last: Buffer): string {
    const line = Buffer.concat([...this.#parts, last]).toString("utf8");
    this.#parts = [];
    this.#partBytes = 0;
    return line;
  }

  #check(bytes: number): void {
    if (this.#partBytes + bytes > this.#bytesMax) {
      throw new ConnectionError("FRAME_TOO_LARGE", `The bridge sent a line longer than ${this.#bytesMax} bytes`);
    }
  }
}
