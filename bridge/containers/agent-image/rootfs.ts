import { randomUUID } from "node:crypto";
import {
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { BridgeError } from "@armorclaw/protocol";
import { messageOf } from "../port/engine-options.ts";
import type { RuntimeFile, RuntimeFiles } from "./runtime-files.ts";

/**
 * Creates the sandbox's root file system as a directory under `parent`, named after its content: an update gets a new
 * directory, and running agents keep theirs. Hard links where the file system allows them, so it costs no space and
 * agents share the bridge's own pages of Node.
 */
export function prepareRootfs(parent: string, files: RuntimeFiles, onProgress: (message: string) => void): string {
  const directory = join(parent, files.key);
  if (existsSync(directory)) return directory;
  onProgress("Preparing the agents' file system");
  const building = join(parent, `.${randomUUID()}`);
  try {
    mkdirSync(building, { recursive: true });
    chmodSync(building, 0o755);
    for (const { path, mode } of files.directories) {
      mkdirSync(join(building, path), { recursive: true });
      chmodSync(join(building, path), mode);
    }
    for (const file of [...files.runtime, files.agent]) place(file, building);
    if (!existsSync(directory)) renameSync(building, directory);
    return directory;
  } catch (cause) {
    const why = messageOf(cause);
    throw new BridgeError("IMAGE_BUILD_FAILED", `The agents' file system could not be prepared: ${why}`, undefined, {
      cause,
    });
  } finally {
    rmSync(building, { recursive: true, force: true });
  }
}

/** Removes the file systems of earlier versions. Call it only when nothing runs from them. */
export function removeOldRootfs(parent: string, current: string): void {
  for (const name of readdirSync(parent)) {
    const directory = join(parent, name);
    if (directory !== current) rmSync(directory, { recursive: true, force: true });
  }
}

function place({ path, mode, from }: RuntimeFile, root: string): void {
  const target = join(root, path);
  mkdirSync(dirname(target), { recursive: true, mode: 0o755 });
  if ("text" in from) {
    writeFileSync(target, from.text, { mode });
    return;
  }
  const source = realpathSync(from.file);
  if (!linked(source, target, mode)) {
    copyFileSync(source, target, constants.COPYFILE_FICLONE);
    chmodSync(target, mode);
  }
}

/** A hard link shares the source's mode, so the source must already be readable by all. */
function linked(source: string, target: string, mode: number): boolean {
  const needed = mode & 0o555;
  if ((statSync(source).mode & needed) !== needed) return false;
  try {
    linkSync(source, target);
    return true;
  } catch {
    return false;
  }
}
