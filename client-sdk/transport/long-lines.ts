import type { Socket } from "node:net";

const newline = 0x0a;
/** A longer buffer is not kept. */
const keptBytesMax = 4 * 1024 * 1024;

/** A line of at least this many characters is written by `LongLines`. */
export const longLineChars = 64 * 1024;

/** Writes long lines from one buffer that is kept: Node would take fresh memory of three times a text's length, which costs more than the encoding. */
export class LongLines {
  readonly #socket: Socket;
  #kept: Buffer | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** @returns what the socket's `write` returns */
  write(line: string): boolean {
    const bytes = Buffer.byteLength(line);
    const buffer = this.#take(bytes + 1);
    buffer.write(line);
    buffer[bytes] = newline;
    return this.#socket.write(buffer.subarray(0, bytes + 1), (error) => {
      // The kernel may still read from a buffer whose write has failed.
      if (!error && buffer.length <= keptBytesMax) this.#kept = buffer;
    });
  }

  #take(bytes: number): Buffer {
    const kept = this.#kept;
    if (kept === undefined || kept.length < bytes) return Buffer.allocUnsafeSlow(bytes);
    this.#kept = undefined;
    return kept;
  }
}
