/** Longer bytes are not kept. */
const keptBytesMax = 64 * 1024;

/**
 * Lines put together to go out in one write. Connections that follow the same events have the same lines to send one after the
 * other, and share the bytes.
 */
export class JoinedLines {
  #lines: readonly Uint8Array[] = [];
  #bytes = Buffer.alloc(0);

  of(lines: readonly Uint8Array[], byteLength: number): Uint8Array {
    const [first] = lines;
    if (first !== undefined && lines.length === 1) return first;
    if (this.#isLast(lines)) return this.#bytes;
    const bytes = Buffer.concat(lines, byteLength);
    if (byteLength <= keptBytesMax) {
      this.#lines = lines;
      this.#bytes = bytes;
    }
    return bytes;
  }

  #isLast(lines: readonly Uint8Array[]): boolean {
    return lines.length === this.#lines.length && lines.every((line, index) => line === this.#lines[index]);
  }
}
