import { createHash, type Hash } from "node:crypto";
import { closeSync, fsyncSync, openSync, readSync, renameSync, rmSync, writeSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { dirname, join } from "node:path";
import { BridgeError } from "@armorclaw/protocol/errors";
import { Connection } from "./database.ts";
import type { Store } from "./store.ts";

export interface BackupFacts {
  readonly createdAt: string;
  readonly version: string;
  readonly installId: string;
}

export interface BackupHeader extends BackupFacts {
  readonly bytes: number;
  readonly sha256: string;
}

/** The first line of a backup is this word and the header as JSON. The database follows byte for byte. */
const magic = "armorclaw-backup 1 ";
const headBytesMax = 4_096;
const chunkBytes = 1_048_576;

/** Makes backups of the running store, one at a time. */
export class Backups {
  readonly #store: Pick<Store, "copyTo">;
  readonly #copyPath: string;
  #isRunning = false;

  /** @param directory holds the copy of the database while a backup is made */
  constructor(store: Pick<Store, "copyTo">, directory: string) {
    this.#store = store;
    this.#copyPath = join(directory, "backup.db");
  }

  /** @throws BridgeError BACKUP_FAILED when the target exists or cannot be written, or another backup is being made */
  async make(target: string, facts: BackupFacts, onProgress?: (copied: number, all: number) => void) {
    if (this.#isRunning) throw new BridgeError("BACKUP_FAILED", "Another backup is being made");
    this.#isRunning = true;
    // A bridge that was killed may have left one.
    rmSync(this.#copyPath, { force: true });
    try {
      await this.#store.copyTo(this.#copyPath, onProgress);
      return await packBackup(this.#copyPath, target, facts);
    } finally {
      rmSync(this.#copyPath, { force: true });
      this.#isRunning = false;
    }
  }
}

/** Writes a backup of the database copy at `copyPath`. The target must not exist; an incomplete one is removed. */
export async function packBackup(copyPath: string, target: string, facts: BackupFacts): Promise<BackupHeader> {
  const partial = `${target}.partial`;
  try {
    closeSync(openSync(target, "wx", 0o600));
  } catch (error) {
    throw failed(target, error);
  }
  try {
    await using source = await open(copyPath, "r");
    const hash = hashOf(facts);
    const bytes = await pumpInTurns(source, (chunk) => void hash.update(chunk));
    const header = { ...facts, bytes, sha256: hash.digest("hex") };
    {
      await using file = await open(partial, "wx", 0o600);
      await file.appendFile(`${magic}${JSON.stringify(header)}\n`);
      await pumpInTurns(source, (chunk) => file.appendFile(chunk));
      await file.sync();
    }
    renameSync(partial, target);
    syncDirectory(dirname(target));
    return header;
  } catch (error) {
    for (const path of [partial, target]) rmSync(path, { force: true });
    throw failed(target, error);
  }
}

/** Hands on a file from its start, chunk by chunk; other work of the bridge runs between two of them. @returns how many bytes */
async function pumpInTurns(source: FileHandle, take: (chunk: Uint8Array) => unknown): Promise<number> {
  const chunk = Buffer.alloc(chunkBytes);
  for (let bytes = 0; ; ) {
    const { bytesRead } = await source.read(chunk, 0, chunkBytes, bytes);
    if (bytesRead === 0) return bytes;
    await take(chunk.subarray(0, bytesRead));
    bytes += bytesRead;
  }
}

/**
 * Checks a backup and extracts the database from it.
 * @param target must not exist
 * @throws BridgeError BACKUP_FAILED when a byte of the backup differs, or its database is damaged
 */
export function unpackBackup(path: string, target: string): BackupHeader {
  let header: BackupHeader;
  try {
    header = unpack(path, target);
  } catch (error) {
    throw error instanceof BridgeError ? error : failed(path, error);
  }
  checkDatabase(target);
  return header;
}

function unpack(path: string, target: string): BackupHeader {
  const source = openSync(path, "r");
  try {
    const { header, length } = readHeader(source, path);
    const fd = openSync(target, "wx", 0o600);
    try {
      const hash = hashOf(header);
      const bytes = pump(source, length, hash, fd);
      if (bytes !== header.bytes || hash.digest("hex") !== header.sha256)
        throw new BridgeError("BACKUP_FAILED", `${path} was changed or cut off`);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    return header;
  } finally {
    closeSync(source);
  }
}

function readHeader(fd: number, path: string): { header: BackupHeader; length: number } {
  const head = Buffer.alloc(headBytesMax);
  const end = head.subarray(0, readSync(fd, head, 0, headBytesMax, 0)).indexOf("\n");
  const line = head.subarray(0, Math.max(end, 0)).toString();
  if (!line.startsWith(magic)) throw new BridgeError("BACKUP_FAILED", `${path} is no backup of this bridge`);
  return { header: JSON.parse(line.slice(magic.length)) as BackupHeader, length: end + 1 };
}

function checkDatabase(path: string): void {
  const connection = new Connection(path, { readOnly: true });
  try {
    const rows = connection.all("PRAGMA integrity_check");
    if (rows.length !== 1 || rows[0]?.["integrity_check"] !== "ok")
      throw new BridgeError("BACKUP_FAILED", "The database in the backup is damaged");
  } finally {
    connection.close();
  }
}

/** The digest covers the header too. */
const hashOf = ({ createdAt, version, installId }: BackupFacts): Hash =>
  createHash("sha256").update(JSON.stringify([createdAt, version, installId]));

/** Hashes the bytes from `at` to the end, and copies them to `target`. @returns how many bytes */
function pump(source: number, at: number, hash: Hash, target: number): number {
  const chunk = Buffer.alloc(chunkBytes);
  for (let bytes = 0; ; ) {
    const read = readSync(source, chunk, 0, chunkBytes, at + bytes);
    if (read === 0) return bytes;
    hash.update(chunk.subarray(0, read));
    writeSync(target, chunk, 0, read);
    bytes += read;
  }
}

function syncDirectory(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function failed(path: string, cause: unknown): BridgeError {
  const { code, message } = cause as NodeJS.ErrnoException;
  const why = code === "EEXIST" ? "it exists already" : (code ?? message);
  return new BridgeError("BACKUP_FAILED", `${path}: ${why}`, { path }, { cause });
}
