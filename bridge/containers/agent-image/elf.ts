import { closeSync, existsSync, openSync, readSync, realpathSync } from "node:fs";
import { join } from "node:path";

interface ElfFile {
  readonly machine: number;
  readonly interpreter: string | undefined;
  readonly needed: readonly string[];
}

const [loadable, dynamic, interpreterType] = [1, 2, 3];
const [tagEnd, tagNeeded, tagStringTable, tagStringTableSize] = [0, 1, 5, 10];

/** Reads which loader and libraries a 64-bit little-endian ELF file needs, without reading the whole file. */
export function readElf(path: string): ElfFile {
  const file = openSync(path, "r");
  try {
    return parseElf(path, (offset, length) => {
      const buffer = Buffer.alloc(length);
      return buffer.subarray(0, readSync(file, buffer, 0, length, offset));
    });
  } finally {
    closeSync(file);
  }
}

type Read = (offset: number, length: number) => Buffer;
const word = (buffer: Buffer, offset: number) => Number(buffer.readBigUInt64LE(offset));

function parseElf(path: string, read: Read): ElfFile {
  const head = read(0, 64);
  if (head.length < 64 || head.readUInt32BE(0) !== 0x7f454c46 || head[4] !== 2 || head[5] !== 1)
    throw new Error(`${path} is not a 64-bit little-endian ELF file`);
  const [entrySize, entries] = [head.readUInt16LE(54), head.readUInt16LE(56)];
  const table = read(word(head, 32), entrySize * entries);
  const segments = Array.from({ length: entries }, (_, i) => {
    const entry = table.subarray(i * entrySize);
    return { type: entry.readUInt32LE(0), offset: word(entry, 8), address: word(entry, 16), size: word(entry, 32) };
  });
  const interpreter = segments.find(({ type }) => type === interpreterType);
  const section = segments.find(({ type }) => type === dynamic);
  const tags = section === undefined ? [] : readDynamic(read(section.offset, section.size));
  const numberOf = (wanted: number) => tags.find(({ tag }) => tag === wanted)?.value ?? 0;
  const address = numberOf(tagStringTable);
  const segment = segments.find(
    (one) => one.type === loadable && address >= one.address && address < one.address + one.size,
  );
  const strings =
    segment === undefined
      ? Buffer.alloc(0)
      : read(address - segment.address + segment.offset, numberOf(tagStringTableSize));
  return {
    machine: head.readUInt16LE(18),
    interpreter:
      interpreter === undefined ? undefined : read(interpreter.offset, interpreter.size - 1).toString("latin1"),
    needed: tags
      .filter(({ tag }) => tag === tagNeeded)
      .map(({ value }) => strings.toString("latin1", value, strings.indexOf(0, value))),
  };
}

function readDynamic(section: Buffer) {
  const tags: { tag: number; value: number }[] = [];
  for (let at = 0; at + 16 <= section.length; at += 16) {
    const tag = Number(section.readBigInt64LE(at));
    if (tag === tagEnd) break;
    tags.push({ tag, value: word(section, at + 8) });
  }
  return tags;
}

export interface Libraries {
  /** The loader's path as the binary names it, and its file on this host. Absent in a static binary. */
  readonly loader: { readonly path: string; readonly file: string } | undefined;
  /** Library name → its file on this host. */
  readonly files: ReadonlyMap<string, string>;
}

const triplets: Readonly<Record<number, string>> = { 62: "x86_64-linux-gnu", 183: "aarch64-linux-gnu" };

/**
 * Finds every library that a binary needs, directly or indirectly, in the directories that distributions use.
 * @param alsoIn folders of the architecture's own directory that are searched last
 */
export function findLibraries(binary: string, alsoIn: readonly string[] = []): Libraries {
  const { machine, interpreter } = readElf(binary);
  const triplet = triplets[machine] ?? "";
  const directories = [`/lib/${triplet}`, `/usr/lib/${triplet}`, "/lib64", "/usr/lib64", "/lib", "/usr/lib"].concat(
    alsoIn.map((folder) => `/usr/lib/${triplet}/${folder}`),
  );
  const files = new Map<string, string>();
  const pending = [binary];
  for (let file = pending.pop(); file !== undefined; file = pending.pop()) {
    for (const name of readElf(file).needed) {
      if (files.has(name)) continue;
      const found = directories.map((directory) => join(directory, name)).find(existsSync);
      if (found === undefined) throw new Error(`The library ${name}, which ${file} needs, was not found`);
      files.set(name, realpathSync(found));
      pending.push(realpathSync(found));
    }
  }
  const loader = interpreter === undefined ? undefined : { path: interpreter, file: realpathSync(interpreter) };
  return { loader, files };
}
