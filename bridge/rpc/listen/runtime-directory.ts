import { closeSync, constants, lstatSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { BridgeError } from "@armorclaw/protocol/errors";
import { makeDirectory } from "../../platform/os/make-directory.ts";
import type { NativeCalls } from "../../platform/os/peer-credentials.ts";
import { untrusted } from "../../platform/os/trusted-file.ts";

/**
 * Makes a directory if it is not there, and verifies it: a directory, not a symbolic link, of the bridge's own user, and with no
 * permission that `mode` does not give.
 * @throws BridgeError RUNTIME_DIR_UNSAFE
 */
export function ownDirectory(path: string, mode: number): void {
  try {
    makeDirectory(path, mode);
  } catch (error) {
    throw unsafe(path, `it cannot be made (${(error as NodeJS.ErrnoException).code})`, error);
  }
  const stat = lstatSync(path);
  const uid = process.getuid?.();
  if (stat.isSymbolicLink()) throw unsafe(path, "it is a symbolic link");
  if (!stat.isDirectory()) throw unsafe(path, "it is not a directory");
  if (uid === undefined) return;
  if (stat.uid !== uid) throw unsafe(path, `it belongs to uid ${stat.uid}; the bridge runs as uid ${uid}`);
  const danger = untrusted(dirname(path));
  if (danger !== undefined) throw unsafe(path, danger);
  const excess = stat.mode & 0o777 & ~mode;
  if (excess !== 0) throw unsafe(path, `its mode is ${octal(stat.mode & 0o777)}; at most ${octal(mode)} is safe`);
}

/**
 * Takes the directory's lock, so that of two bridges that start at once one wins. The kernel frees it when its holder is gone,
 * however it went. Without native calls there is no lock, and only a bridge that answers keeps another one out.
 * @returns what frees it
 * @throws BridgeError ALREADY_RUNNING
 */
export function lockDirectory(path: string, native: NativeCalls | undefined): () => void {
  if (native === undefined) return () => undefined;
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  if (native.tryLock(fd)) return () => closeSync(fd);
  closeSync(fd);
  throw new BridgeError("ALREADY_RUNNING", `Another bridge uses ${path}`, { runtime_dir: path });
}

function unsafe(path: string, why: string, cause?: unknown): BridgeError {
  return new BridgeError("RUNTIME_DIR_UNSAFE", `${path} is not safe for sockets: ${why}`, { path }, { cause });
}

const octal = (mode: number): string => `0${mode.toString(8)}`;
