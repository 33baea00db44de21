const block = 512;

/** Builds a tar archive in pieces, so that large contents are in memory once. The same entries give the same bytes. */
export class Tar {
  readonly #pieces: Buffer[] = [];

  directory(path: string, mode: number): this {
    this.#pieces.push(header(`${path}/`, 0, mode, "5"));
    return this;
  }

  file(path: string, pieces: readonly Buffer[], mode: number): this {
    const size = pieces.reduce((sum, piece) => sum + piece.length, 0);
    this.#pieces.push(header(path, size, mode, "0"), ...pieces, Buffer.alloc((block - (size % block)) % block));
    return this;
  }

  end(): readonly Buffer[] {
    return [...this.#pieces, Buffer.alloc(2 * block)];
  }
}

/** A ustar header with owner root and time zero. */
function header(path: string, size: number, mode: number, type: string): Buffer {
  if (Buffer.byteLength(path) > 100) throw new Error(`${path} is too long for a tar entry`);
  const buffer = Buffer.alloc(block);
  const octal = (value: number, digits: number) => value.toString(8).padStart(digits, "0");
  buffer.write(path, 0);
  buffer.write(octal(mode, 7), 100);
  buffer.write(octal(0, 7), 108);
  buffer.write(octal(0, 7), 116);
  buffer.write(octal(size, 11), 124);
  buffer.write(octal(0, 11), 136);
  buffer.write("        ", 148);
  buffer.write(type, 156);
  buffer.write("ustar\u000000", 257, "latin1");
  const sum = buffer.reduce((total, byte) => total + byte, 0);
  buffer.write(`${octal(sum, 6)}\u0000 `, 148, "latin1");
  return buffer;
}
