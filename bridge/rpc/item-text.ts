/**
 * Bytes in an item of a stream, as base64 on the wire. Base64 holds nothing that JSON escapes, so that its text goes out
 * without `JSON.stringify` looking at each character, which takes twenty times as long as making it.
 */
export class Base64 {
  readonly #bytes: Buffer;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
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

/** The item as JSON. */
export function itemText(item: unknown): string {
  if (item instanceof Base64) return `"${item.toJSON()}"`;
  if (typeof item !== "object" || item === null) return JSON.stringify(item);
  const members = Object.entries(item).filter(([, value]) => value !== undefined);
  if (!members.some(([, value]) => value instanceof Base64)) return JSON.stringify(item);
  return `{${members.map(([key, value]) => `${JSON.stringify(key)}:${itemText(value)}`).join(",")}}`;
}
