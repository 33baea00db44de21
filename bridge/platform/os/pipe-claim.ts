import { randomBytes } from "node:crypto";
import { closeSync, constants, openSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { BridgeError } from "@armorclaw/protocol/errors";
import { pipeTokenFile } from "@armorclaw/protocol/pipe";
import { makeDirectory } from "./make-directory.ts";

/** The right of this process to listen on a pipe. */
export interface PipeClaim {
  /** The token that a peer has to present. Each claim has a new one, so that an earlier token that leaked is worthless. */
  readonly token: string;
  /** Idempotent. */
  release(): void;
}

/** `UV_FS_O_EXLOCK` of libuv: no other process can open the file while it is open. Node passes the flag on and has no name for it; Linux ignores it. */
const shareWithNoOne = 0x1000_0000;
const tokenBytes = 32;

/**
 * Claims a pipe by a lock on a file beside its token, because the system may accept a second server on one pipe. The system releases
 * the lock when the process ends, however it ends.
 * @param home the profile of the bridge's user
 * @throws BridgeError ALREADY_RUNNING
 */
export function claimPipe(path: string, home = homedir()): PipeClaim {
  const tokenFile = join(home, pipeTokenFile(path));
  const lock = takeLock(path, `${tokenFile}.lock`, dirname(tokenFile));
  try {
    const token = randomBytes(tokenBytes).toString("base64url");
    writeFileSync(tokenFile, token, { mode: 0o600 });
    let isHeld = true;
    return {
      token,
      release() {
        if (!isHeld) return;
        isHeld = false;
        rmSync(tokenFile, { force: true });
        closeSync(lock);
      },
    };
  } catch (error) {
    closeSync(lock);
    throw error;
  }
}

function takeLock(path: string, lockFile: string, directory: string): number {
  makeDirectory(directory, 0o700);
  try {
    return openSync(lockFile, constants.O_RDWR | constants.O_CREAT | shareWithNoOne, 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EBUSY") throw error;
    throw new BridgeError("ALREADY_RUNNING", `Another bridge uses ${path}`, { path }, { cause: error });
  }
}
