/** As much as one connection queues before its streams wait, in lines of `itemBytes`. */
const keptMax = 16;
const keptBytes = 96 * 1024;

/** The bytes of one line, which are its own until it was written. */
export interface LentLine {
  readonly bytes: Buffer;
  /** Called with what the write came to. What may still be on its way out is not lent again. */
  readonly onWritten: (error?: Error | null) => void;
}

/** Part of a line: text, or what writes itself and tells its bytes. */
export type LinePart = string | { readonly length: number; writeTo(line: Buffer, at: number): number };

/**
 * Buffers for the long lines of streams, used again and again: to get a new one for each line from the kernel, page by page, and to
 * collect it costs as much as all else that is done for the line.
 */
export class LineBuffers {
  readonly #kept: Buffer[] = [];

  /** Puts a line together from its parts, the newline among them. */
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
    if (length > keptBytes) return { bytes: Buffer.allocUnsafeSlow(length), onWritten: () => undefined };
    const buffer = this.#kept.pop() ?? Buffer.allocUnsafeSlow(keptBytes);
    return {
      bytes: buffer.subarray(0, length),
      onWritten: (error) => {
        if (!error && this.#kept.length < keptMax) this.#kept.push(buffer);
      },
    };
  }
}
