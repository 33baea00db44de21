import { isUtf8 } from "node:buffer";

const newline = 10;

/** Receives what a `LineReader` found. */
export interface LineSink {
  /** One or more whole lines, parted by newlines, without the last newline. */
  onLines(text: string): void;
  /** A line that is not UTF-8. */
  onInvalidLine(): void;
}

/**
 * Cuts a byte stream into lines: one scan and one decode per chunk, and time linear in the bytes however they arrive. Keeps no
 * chunk: what it holds back is a copy.
 */
export class LineReader {
  readonly #sink: LineSink;
  #partial: Buffer | undefined;
  #partialBytes = 0;

  constructor(sink: LineSink) {
    this.#sink = sink;
  }

  /** The bytes of the line that has not ended yet. */
  get partialBytes(): number {
    return this.#partialBytes;
  }

  /** @returns whether a line ended */
  push(chunk: Buffer): boolean {
    const last = chunk.lastIndexOf(newline);
    if (last === -1) {
      this.#hold(chunk);
      return false;
    }
    let start = 0;
    if (this.#partialBytes > 0) {
      start = chunk.indexOf(newline) + 1;
      this.#hold(chunk.subarray(0, start - 1));
      this.#releasePartial();
    }
    if (start <= last) this.#emit(chunk, start, last);
    if (last + 1 < chunk.length) this.#hold(chunk.subarray(last + 1));
    return true;
  }

  /** The stream has ended: a last line without a newline counts. */
  end(): void {
    if (this.#partialBytes > 0) this.#releasePartial();
  }

  /** Forgets the unfinished line. */
  discard(): void {
    this.#partial = undefined;
    this.#partialBytes = 0;
  }

  /** Copies into one buffer that doubles: a list of pieces would cost hundreds of bytes for each that holds one byte. */
  #hold(piece: Buffer): void {
    const needed = this.#partialBytes + piece.length;
    if (this.#partial === undefined || this.#partial.length < needed) {
      const grown = Buffer.allocUnsafeSlow(Math.max(256, needed, (this.#partial?.length ?? 0) * 2));
      this.#partial?.copy(grown, 0, 0, this.#partialBytes);
      this.#partial = grown;
    }
    piece.copy(this.#partial, this.#partialBytes);
    this.#partialBytes = needed;
  }

  #releasePartial(): void {
    const line = this.#partial;
    const bytes = this.#partialBytes;
    this.discard();
    if (line !== undefined) this.#emit(line, 0, bytes);
  }

  #emit(chunk: Buffer, from: number, to: number): void {
    const text = chunk.toString("utf8", from, to);
    // Decoding replaces what is not UTF-8 by U+FFFD, so only text that holds one needs the slower look.
    if (text.includes("\ufffd")) this.#emitChecked(chunk.subarray(from, to));
    else this.#sink.onLines(text);
  }

  #emitChecked(bytes: Buffer): void {
    for (let start = 0; start <= bytes.length; ) {
      const found = bytes.indexOf(newline, start);
      const end = found === -1 ? bytes.length : found;
      const line = bytes.subarray(start, end);
      if (isUtf8(line)) this.#sink.onLines(line.toString());
      else this.#sink.onInvalidLine();
      start = end + 1;
    }
  }
}
