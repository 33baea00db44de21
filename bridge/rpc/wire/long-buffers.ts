/** Only a line that is at least this long takes the kept buffer, which would be too large for a short one. */
const longBytes = 64 * 1024;
const keptBytesMax = 4 * 1024 * 1024;

/** Keeps the buffer of one long line, read or written, for the next one on any connection: fresh memory costs more than the copy into it. */
export class LongBuffers {
  #kept: Buffer | undefined;

  /** @returns a buffer with room for at least so many bytes */
  take(bytes: number): Buffer {
    const kept = this.#kept;
    if (kept === undefined || bytes < longBytes || kept.length < bytes) return Buffer.allocUnsafeSlow(bytes);
    this.#kept = undefined;
    return kept;
  }

  /** Takes back a buffer that nobody reads any more. */
  give(buffer: Buffer): void {
    const { length } = buffer;
    if (length < longBytes || length > keptBytesMax || length <= (this.#kept?.length ?? 0)) return;
    this.#kept = buffer;
  }
}
