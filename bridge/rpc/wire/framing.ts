import { isUtf8 } from "node:buffer";
import { LongBuffers } from "./long-buffers.ts";

const newline = 10;

/** Receives the lines of a `LineReader`. */
export interface LineSink {
  /** Takes one or more whole lines, separated by newlines, without the last newline. */
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
  readonly #buffers: LongBuffers;
  #partial: Buffer | undefined;
  #partialBytes = 0;

  constructor(sink: LineSink, buffers = new LongBuffers()) {
    this.#sink = sink;
    this.#buffers = buffers;
  }

  /** The number of bytes of the unfinished line. */
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

  /** Ends the stream. A last line without a newline is a line too. */
  end(): void {
    if (this.#partialBytes > 0) this.#releasePartial();
  }

  /** Drops the unfinished line. */
  discard(): void {
    this.#partial = undefined;
    this.#partialBytes = 0;
  }

  /** Copies into one buffer that doubles. A list of chunks would cost hundreds of bytes for each chunk of one byte. */
  #hold(piece: Buffer): void {
    const needed = this.#partialBytes + piece.length;
    if (this.#partial === undefined || this.#partial.length < needed) {
      const grown = this.#buffers.take(Math.max(256, needed, (this.#partial?.length ?? 0) * 2));
      this.#partial?.copy(grown, 0, 0, this.#partialBytes);
      if (this.#partial !== undefined) this.#buffers.give(this.#partial);
      this.#partial = grown;
    }
    piece.copy(this.#partial, this.#partialBytes);
    this.#partialBytes = needed;
  }

  #releasePartial(): void {
    const line = this.#partial;
    const bytes = this.#partialBytes;
    this.discard();
    if (line === undefined) return;
    const text = this.#decode(line, 0, bytes);
    if (text === undefined) this.#emitChecked(line.subarray(0, bytes));
    this.#buffers.give(line);
    if (text !== undefined) this.#sink.onLines(text);
  }

  #emit(chunk: Buffer, from: number, to: number): void {
    const text = this.#decode(chunk, from, to);
    if (text === undefined) this.#emitChecked(chunk.subarray(from, to));
    else this.#sink.onLines(text);
  }

  /** @returns undefined for bytes that need to be checked. Decoding replaces what is not UTF-8 by U+FFFD. */
  #decode(chunk: Buffer, from: number, to: number): string | undefined {
    const text = chunk.toString("utf8", from, to);
    return text.includes("\ufffd") ? undefined : text;
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
