import { randomBytes } from "node:crypto";
import {
  accessSync,
  chmodSync,
  constants,
  lstatSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { BridgeError } from "@armorclaw/protocol/errors";
import { othersMayReach } from "./file-mode.ts";
import { makeDirectory } from "./make-directory.ts";
import { untrusted } from "./trusted-file.ts";

/**
 * Makes sure that the state directory exists, belongs to the bridge's user, has mode 0700 and is writable.
 * @returns the install's id, which is made at the first use
 * @throws BridgeError STATE_UNUSABLE
 */
export function openStateDirectory(directory: string): string {
  try {
    makeDirectory(directory, 0o700);
    const stat = lstatSync(directory);
    const uid = process.getuid?.();
    if (!stat.isDirectory()) throw new BridgeError("STATE_UNUSABLE", `${directory} is not a directory`);
    if (uid !== undefined && stat.uid !== uid) {
      throw new BridgeError("STATE_UNUSABLE", `${directory} belongs to uid ${stat.uid}; the bridge runs as uid ${uid}`);
    }
    const danger = untrusted(dirname(directory));
    if (danger !== undefined) throw new BridgeError("STATE_UNUSABLE", `${directory} is not safe: ${danger}`);
    if (othersMayReach(stat)) chmodSync(directory, 0o700);
    return installId(directory);
  } catch (error) {
    if (error instanceof BridgeError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOSPC")
      throw new BridgeError("STORE_FULL", `There is no room on the disk of ${directory}`, undefined, { cause: error });
    throw new BridgeError("STATE_UNUSABLE", `${directory} cannot be used: ${code ?? message}`, undefined, {
      cause: error,
    });
  }
}

function installId(directory: string): string {
  const file = join(directory, "install-id");
  removeLeftovers(directory);
  const known = readIfThere(file);
  if (known !== undefined && /^[0-9a-f]{12}$/.test(known)) {
    // Nothing is written: on a full disk the bridge must come back, and the store has reserved the room that it then needs.
    accessSync(directory, constants.W_OK | constants.X_OK);
    return known;
  }
  const id = randomBytes(6).toString("hex");
  const temporary = `${file}.${process.pid}`;
  try {
    writeFileSync(temporary, id, { mode: 0o600, flush: true });
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  return id;
}

/** Half-written ids of bridges that were killed or found no room. */
function removeLeftovers(directory: string): void {
  for (const name of readdirSync(directory))
    if (/^install-id\.\d+$/.test(name)) rmSync(join(directory, name), { force: true });
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8").trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
