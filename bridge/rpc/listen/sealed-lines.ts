import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { Duplex } from "node:stream";
import { BridgeError } from "@armorclaw/protocol/errors";
import { sealProtocol } from "@armorclaw/protocol/seal";
import { systemClock, type Timer } from "../../platform/clock.ts";
import { LineReader, type LineSink } from "../wire/framing.ts";

const newline = Buffer.of(0x0a);
const { nonceBytes, tagBytes, saltBytes, keyBytes, messagesMax } = sealProtocol;
/** The deadline for the peer's first line and the minimum deadline for every later line. */
const lineDeadlineMs = 10_000;

export interface SealedLinesOptions {
  /** Called once when a message could not be opened. */
  readonly onRefused: (reason: BridgeError) => void;
  /** The longest line that is taken. Without a bound when left out: for a stream whose messages have one. */
  readonly lineBytesMax?: number | undefined;
  /** The same until a message has opened: anyone may have sent what came before. */
  readonly firstLineBytesMax?: number | undefined;
  /** The answer to a peer whose first line is not a greeting. By default there is none. */
  readonly answerUnsealed?: (firstLine: string) => string;
}

/**
 * Lines whose bytes are sealed by AES-256-GCM under a key that both ends know. Every connection has keys of its own, one for each
 * direction, and each direction counts its messages: what is replayed, reordered, cut out, cut short or sent back opens under no
 * key and ends the connection. `docs/guides/sealed-messages.md` has the format.
 * @param inner a stream of lines; ended with this one
 */
export function sealedLines(inner: Duplex, key: Uint8Array, options: SealedLinesOptions): Duplex {
  return new SealedLines(inner, key, options);
}

class SealedLines extends Duplex implements LineSink {
  readonly #inner: Duplex;
  readonly #key: Uint8Array;
  readonly #options: SealedLinesOptions;
  readonly #reader = new LineReader(this);
  readonly #greeted = Promise.withResolvers<Seals>();
  readonly #sweeper: Timer;
  #seals: Seals | undefined;
  #hasOpened = false;
  #linesRead = 0;
  #linesAtSweep = 0;
  #farewell: string | undefined;

  constructor(inner: Duplex, key: Uint8Array, options: SealedLinesOptions) {
    super();
    this.#inner = inner;
    this.#key = key;
    this.#options = options;
    // The deadline disconnects a peer that never greets; no caller waits for it then.
    this.#greeted.promise.catch(() => undefined);
    this.#sweeper = systemClock.every(lineDeadlineMs, () => this.#sweep());
    // It ends by being destroyed: whoever reads it learns that from its close.
    this.on("error", () => undefined);
    inner.on("data", (chunk: Buffer) => this.#onData(chunk));
    inner.on("end", () => this.push(null));
    inner.on("error", () => this.destroy());
    inner.on("close", () => this.destroy());
  }

  override _read(): void {
    this.#inner.resume();
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#greeted.promise.then(({ seal }) => this.#inner.write(`${seal(chunk)}\n`, done), done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#inner.end(done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#sweeper.cancel();
    this.#reader.discard();
    this.#greeted.reject(new BridgeError("CANCELLED"));
    if (this.#farewell === undefined) this.#inner.destroy();
    else this.#inner.resume().end(this.#farewell, () => this.#inner.destroy());
    done(error);
  }

  onLines(text: string): void {
    for (const line of text.split("\n")) {
      if (line === "") continue;
      this.#linesRead += 1;
      this.#assertFits(line.length);
      if (this.#seals === undefined) this.#greet(line);
      else if (!this.#open(this.#seals, line)) this.#inner.pause();
    }
  }

  onInvalidLine(): void {
    throw new Error("A sealed line is ASCII");
  }

  #onData(chunk: Buffer): void {
    if (this.destroyed) return;
    try {
      this.#reader.push(chunk);
      this.#assertFits(this.#reader.partialBytes);
    } catch (error) {
      const unsealed = "A message was not sealed under the shared key, or not the next one";
      this.#refuse(error instanceof BridgeError ? error : new BridgeError("UNAUTHENTICATED", unsealed));
    }
  }

  #greet(line: string): void {
    const salt = randomBytes(saltBytes);
    try {
      this.#seals = sealsOf(this.#key, greetingSalt(line), salt);
    } catch (cause) {
      this.#farewell = this.#options.answerUnsealed?.(line);
      throw new BridgeError("UNAUTHENTICATED", "The peer did not begin to seal its messages", undefined, { cause });
    }
    this.#inner.write(`${JSON.stringify({ [sealProtocol.greeting]: salt.toString("base64") })}\n`);
    this.#greeted.resolve(this.#seals);
  }

  /** @returns whether more is wanted */
  #open({ open }: Seals, line: string): boolean {
    const text = open(line);
    this.#hasOpened = true;
    return this.push(text.at(-1) === newline[0] ? text : Buffer.concat([text, newline]));
  }

  #assertFits(bytes: number): void {
    const { lineBytesMax, firstLineBytesMax = lineBytesMax } = this.#options;
    const most = this.#hasOpened ? lineBytesMax : firstLineBytesMax;
    if (most !== undefined && bytes > most)
      throw new BridgeError("FRAME_TOO_LARGE", `A sealed line is longer than ${most} bytes`);
  }

  #sweep(): void {
    const isStalled = this.#linesRead === this.#linesAtSweep;
    this.#linesAtSweep = this.#linesRead;
    if (!isStalled) return;
    // A peer that is held back because it is not answered yet is not to blame for the line it has begun.
    const isPartial = this.#reader.partialBytes > 0 && !this.#inner.isPaused();
    if (this.#seals === undefined || isPartial)
      this.#refuse(new BridgeError("TIMED_OUT", "The peer did not begin to seal its messages, or did not end a line"));
  }

  #refuse(reason: BridgeError): void {
    if (this.destroyed) return;
    this.#options.onRefused(reason);
    this.destroy();
  }
}

interface Seals {
  readonly seal: (text: Buffer) => string;
  readonly open: (line: string) => Buffer;
}

function greetingSalt(line: string): Buffer {
  const value: unknown = JSON.parse(line);
  const text = (value as Readonly<Record<string, unknown>> | null)?.[sealProtocol.greeting];
  const salt = Buffer.from(typeof text === "string" ? text : "", "base64");
  if (salt.length !== saltBytes) throw new Error("The peer's first line is no greeting");
  return salt;
}

function sealsOf(key: Uint8Array, clientSalt: Buffer, serverSalt: Buffer): Seals {
  const salt = Buffer.concat([clientSalt, serverSalt]);
  const keyOf = (info: string) => new Uint8Array(hkdfSync("sha256", key, salt, info, keyBytes));
  const [inKey, outKey] = [keyOf(sealProtocol.toServer), keyOf(sealProtocol.toClient)];
  const nextIn = counter();
  const nextOut = counter();
  return {
    seal(text: Buffer): string {
      const cipher = createCipheriv("aes-256-gcm", outKey, nextOut());
      return Buffer.concat([cipher.update(text), cipher.final(), cipher.getAuthTag()]).toString("base64");
    },
    open(line: string): Buffer {
      const sealed = Buffer.from(line, "base64");
      const decipher = createDecipheriv("aes-256-gcm", inKey, nextIn(), { authTagLength: tagBytes });
      decipher.setAuthTag(sealed.subarray(sealed.length - tagBytes));
      return Buffer.concat([decipher.update(sealed.subarray(0, sealed.length - tagBytes)), decipher.final()]);
    },
  };
}

/** Returns 96-bit nonces in order and never repeats one. */
function counter(): () => Buffer {
  let count = 0;
  return () => {
    if (count >= messagesMax) throw new Error("This connection has sealed as many messages as one may");
    const nonce = Buffer.alloc(nonceBytes);
    nonce.writeUIntBE(count++, nonceBytes - 6, 6);
    return nonce;
  };
}
