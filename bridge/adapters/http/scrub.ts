import { setImmediate as nextTurn } from "node:timers/promises";

/** Shorter forms would match unrelated text. */
const shortest = 6;
/** The loop gets its turn after this many bytes, so that a long answer stops no other caller. */
const sliceBytes = 256 * 1024;
const encodings = ["utf8", "utf16le", "latin1"] as const;

/** A text without what does not change its meaning, and where each of its bytes stood. */
interface Skeleton {
  readonly bytes: Buffer;
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
}

interface Match {
  readonly start: number;
  readonly end: number;
  readonly token: string;
}

/**
 * Replaces each secret by its token, in whatever form a server sends it back: as itself, in UTF-16, percent-encoded, as JSON or HTML
 * escapes, in hexadecimal, in base64 at any offset, wrapped over lines, and in any case.
 * @param secrets token → secret
 */
export async function scrub(answer: Buffer, secrets: ReadonlyMap<string, string>): Promise<Buffer> {
  const known = [...secrets].map(([token, secret]) => ({ token, forms: forms(secret) }));
  const matches: Match[] = [];
  // Decoding may hide a secret behind a stray percent sign, so the text is searched as it is and decoded.
  for (const read of [readByte, readEscape]) {
    const skeleton = await skeletonOf(answer, read);
    for (const { token, forms } of known)
      for (const form of forms) for (const match of find(skeleton, form, token)) matches.push(match);
  }
  return replace(answer, matches);
}

/** The forms of a secret, as they stand in a skeleton. */
export function forms(secret: string): Buffer[] {
  const plain = encodings.map((encoding) => Buffer.from(secret, encoding));
  const bigEndian = Buffer.from(secret, "utf16le").swap16();
  const bytes = [...plain, bigEndian];
  const utf8 = Buffer.from(secret);
  const pairs = [...utf8].map((byte) => byte.toString(16).padStart(2, "0"));
  const texts = [
    pairs.join(""),
    pairs.join(":"),
    pairs.join("-"),
    [...secret].reverse().join(""),
    ...bytes.flatMap(base64Forms),
  ];
  const all = [...bytes, ...texts.map((text) => Buffer.from(text))].map(fold).map((form) => form.toString("latin1"));
  return [...new Set(all)].filter(({ length }) => length >= shortest).map((form) => Buffer.from(form, "latin1"));
}

/** In a longer text the secret may begin at three offsets; characters that depend on its neighbours are cut off. */
function base64Forms(bytes: Buffer): string[] {
  return [0, 1, 2].map((shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), bytes]).toString("base64url");
    const isCutShort = (bytes.length + shift) % 3 !== 0;
    return text.slice(Math.ceil((shift * 4) / 3), isCutShort ? -1 : undefined);
  });
}

/** One byte without its case and without the difference between base64 and base64url; undefined for white space and NUL. */
function folded(byte: number): number | undefined {
  if (byte <= 0x20 || byte === 0x7f) return undefined;
  if (byte >= 0x41 && byte <= 0x5a) return byte + 0x20;
  if (byte === 0x2d) return 0x2b;
  return byte === 0x5f ? 0x2f : byte;
}

function fold(bytes: Buffer): Buffer {
  return Buffer.from([...bytes].flatMap((byte) => folded(byte) ?? []));
}

/** What stands at an offset: its byte (undefined for nothing) and its length in the text. */
interface Read {
  readonly byte: number | undefined;
  readonly length: number;
}
type Reader = (text: Buffer, at: number) => Read | undefined;

/** Leaves every byte as it is. */
const readByte: Reader = () => undefined;

const escapeStarts = new Set([...Buffer.from("%\\&=")]);
const escapePattern =
  /^(?:%(?:25){0,3}([0-9a-f]{2})|\\{1,4}u00([0-9a-f]{2})|\\{1,4}x([0-9a-f]{2})|&#x0{0,6}([0-9a-f]{2});|&#0{0,6}(\d{2,3});|&(amp|lt|gt|quot|apos);|=\r?\n|\\{1,4}[nrt]|\\{1,4}(["'/\\]))/i;
const escapeBytesMax = 16;
const named: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

/** Decodes the escape that begins here, if there is one: percent, JSON, HTML, or a soft line break of quoted-printable. */
const readEscape: Reader = (text, at) => {
  if (!escapeStarts.has(text[at] ?? 0)) return undefined;
  const found = escapePattern.exec(text.toString("latin1", at, at + escapeBytesMax));
  if (found === null) return undefined;
  const [whole, percent, unicode, hex, entity, decimal, name, character] = found;
  const digits = percent ?? unicode ?? hex ?? entity;
  const byte = digits === undefined ? decimal : Number.parseInt(digits, 16);
  const plain = name === undefined ? character : named[name.toLowerCase()];
  return { byte: byte === undefined ? plain?.charCodeAt(0) : Number(byte) & 0xff, length: whole.length };
};

async function skeletonOf(text: Buffer, read: Reader): Promise<Skeleton> {
  const bytes = Buffer.allocUnsafe(text.length);
  const starts = new Uint32Array(text.length);
  const ends = new Uint32Array(text.length);
  let length = 0;
  let pauseAt = sliceBytes;
  for (let at = 0; at < text.length; ) {
    const decoded = read(text, at);
    const byte = decoded === undefined ? text[at] : decoded.byte;
    const end = at + (decoded?.length ?? 1);
    const kept = byte === undefined ? undefined : folded(byte);
    if (kept !== undefined) {
      bytes[length] = kept;
      starts[length] = at;
      ends[length] = end;
      length += 1;
    }
    at = end;
    if (at < pauseAt) continue;
    pauseAt = at + sliceBytes;
    await nextTurn();
  }
  return { bytes: bytes.subarray(0, length), starts, ends };
}

function* find({ bytes, starts, ends }: Skeleton, form: Buffer, token: string): Generator<Match> {
  for (let at = bytes.indexOf(form); at !== -1; at = bytes.indexOf(form, at + form.length))
    yield { start: starts[at] ?? 0, end: ends[at + form.length - 1] ?? 0, token };
}

function replace(text: Buffer, matches: Match[]): Buffer {
  const pieces: Buffer[] = [];
  let end = 0;
  for (const match of matches.sort((one, other) => one.start - other.start)) {
    // A match within or across the one before it belongs to the same echo.
    if (match.start >= end) pieces.push(text.subarray(end, match.start), Buffer.from(match.token));
    end = Math.max(end, match.end);
  }
  return pieces.length === 0 ? text : Buffer.concat([...pieces, text.subarray(end)]);
}
