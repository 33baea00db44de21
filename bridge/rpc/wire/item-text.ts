import type { LentLine, LineBuffers } from "./line-buffers.ts";

/** The bytes of one stream item. Longer items gain nothing and delay other output. */
export const itemBytes = 64 * 1024;
/** Base64 with at least this many characters is written to a buffer; shorter base64 is sent as text, joined with other lines. */
const lentMin = 16 * 1024;
/** So many bytes become base64 at a time: a longer string would be a large object of V8's, which costs seven times as much. */
const sliceBytes = 48 * 1024;

/**
 * Bytes in an item of a stream, as base64 on the wire. Base64 holds nothing that JSON escapes, so that it goes into the line as
 * it is: `JSON.stringify` would look at each character, which takes twenty times as long as making it.
 */
export class Base64 {
  readonly #bytes: Buffer;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Characters of the base64. */
  get length(): number {
    return Math.ceil(this.#bytes.length / 3) * 4;
  }

  /** @returns the number of written bytes */
  writeTo(line: Buffer, at: number): number {
    let written = 0;
    for (let from = 0; from < this.#bytes.length; from += sliceBytes)
      written += line.write(this.#bytes.toString("base64", from, from + sliceBytes), at + written, "latin1");
    return written;
  }

  toJSON(): string {
    return this.#bytes.toString("base64");
  }
}

/** An item with bytes where its declared type has base64, itself or as one of its members. */
export type WithBytes<Item> = Item extends string
  ? Item | Base64
  : Item extends object
    ? { readonly [K in keyof Item]: Item[K] extends string ? Item[K] | Base64 : Item[K] }
    : Item;

/** Returns the line of an item: text, or a buffer with the newline when the item holds many bytes. */
export function itemLine(head: string, item: unknown, tail: string, buffers: LineBuffers): string | LentLine {
  const parts = [head, ...itemParts(item), tail];
  return parts.some((part) => part instanceof Base64 && part.length >= lentMin)
    ? buffers.compose([...parts, "\n"])
    : parts.map((part) => (part instanceof Base64 ? part.toJSON() : part)).join("");
}

function itemParts(item: unknown): (string | Base64)[] {
  if (item instanceof Base64) return ['"', item, '"'];
  if (typeof item !== "object" || item === null) return [JSON.stringify(item)];
  const members = Object.entries(item).filter(([, value]) => value !== undefined);
  if (!members.some(([, value]) => value instanceof Base64)) return [JSON.stringify(item)];
  const parts = members.flatMap(([key, value]) => [`,${JSON.stringify(key)}:`, ...itemParts(value)]);
  return ["{", String(parts[0]).slice(1), ...parts.slice(1), "}"];
}
