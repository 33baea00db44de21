import { LongBuffers } from "./long-buffers.ts";

/** The number of kept buffers: the output of one connection before its streams wait. */
const keptMax = 16;
const keptBytes = 96 * 1024;

/** A buffer that belongs to one line until the line was written. */
export interface LentLine {
  readonly bytes: Buffer;
  /** Called after the write. A buffer whose write failed is not used again. */
  readonly onWritten: (error?: Error | null) => void;
}

/** A part of a line: text, or an object that writes itself. */
export type LinePart = string | { readonly length: number; writeTo(line: Buffer, at: number): number };

/**
 * Buffers for the long lines of streams, used again and again: to get a new one for each line from the kernel, page by page, and to
 * collect it costs as much as all else that is done for the line.
 */
export class LineBuffers {
  readonly #kept: Buffer[] = [];
  readonly #long: LongBuffers;

  constructor(long = new LongBuffers()) {
    this.#long = long;
  }

  /** Composes a line from its parts. The last part includes the newline. */
  compose(parts: readonly LinePart[], bytes = this.lengthOf(parts)): LentLine {
    const line = this.lend(bytes);
    let at = 0;
    for (const part of parts)
      at += typeof part === "string" ? line.bytes.write(part, at) : part.writeTo(line.bytes, at);
    return line;
  }

  lengthOf(parts: readonly LinePart[]): number {
    const length = (part: LinePart) => (typeof part === "string" ? Buffer.byteLength(part) : part.length);
    return parts.reduce((sum, part) => sum + length(part), 0);
  }

  lend(length: number): LentLine {
    if (length > keptBytes) return this.#lendLong(length);
    const buffer = this.#kept.pop() ?? Buffer.allocUnsafeSlow(keptBytes);
    return {
      bytes: buffer.subarray(0, length),
      onWritten: (error) => {
        if (!error && this.#kept.length < keptMax) this.#kept.push(buffer);
      },
    };
  }

  #lendLong(length: number): LentLine {
    const buffer = this.#long.take(length);
    return {
      bytes: buffer.subarray(0, length),
      onWritten: (error) => {
        if (!error) this.#long.give(buffer);
      },
    };
  }
}
