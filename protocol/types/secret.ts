import * as z from "zod";

/** The text that is shown in place of a secret. */
export const secretMark = "[secret]";

/**
 * A value that is never shown: it cannot be logged, serialised, inspected or put into text by accident. Only `reveal` and
 * `use` give it away, and both are easy to search for.
 */
export class Secret {
  readonly #bytes: Uint8Array;

  /** Takes ownership of the bytes: the caller must not keep them. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  static fromText(text: string): Secret {
    return new Secret(new TextEncoder().encode(text));
  }

  get byteLength(): number {
    return this.#bytes.byteLength;
  }

  /** Passes the bytes to one call, which must not keep them. */
  use<T>(borrow: (bytes: Uint8Array) => T): T {
    return borrow(this.#bytes);
  }

  /** The value as text. Strings cannot be wiped: only for a value that leaves the process next. */
  reveal(): string {
    return new TextDecoder("utf-8", { fatal: true }).decode(this.#bytes);
  }

  /** Overwrites the bytes. */
  wipe(): void {
    this.#bytes.fill(0);
  }

  toString(): string {
    return secretMark;
  }

  toJSON(): string {
    return secretMark;
  }

  [Symbol.toPrimitive](): string {
    return secretMark;
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return secretMark;
  }
}

/** 64 KiB is enough for every kind of key, and for a certificate chain. */
const secretLengthMax = 65_536;

/** A secret as a param: plain text on the wire, a `Secret` as soon as it is parsed. */
export const SecretText = z
  .string()
  .min(1)
  .max(secretLengthMax)
  .meta({ id: "SecretText", description: "A secret. It is stored sealed, and never logged or shown.", writeOnly: true })
  .transform((text) => Secret.fromText(text));
