import { randomBytes } from "node:crypto";
import { closeSync, constants, fsyncSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { BridgeError } from "@armorclaw/protocol/errors";

const secretBytes = 32;

/**
 * The secret of this installation from which agents' keys for the model endpoint are derived. It is kept, because an agent that is
 * taken over from a bridge that was killed goes on with the key that it has.
 * @throws BridgeError STATE_UNUSABLE
 */
export function endpointSecret(stateDirectory: string): Buffer {
  const path = join(stateDirectory, "model-endpoint.key");
  try {
    return readIfWhole(path) ?? make(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new BridgeError("STATE_UNUSABLE", `${path} cannot be used: ${code}`, undefined, { cause: error });
  }
}

function make(path: string): Buffer {
  const secret = randomBytes(secretBytes);
  const fd = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW, 0o600);
  try {
    writeSync(fd, secret);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  return secret;
}

/** A file that a crash or a full disk cut is made again: no agent has a key of it. */
function readIfWhole(path: string): Buffer | undefined {
  try {
    const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      const bytes = readFileSync(fd);
      return bytes.length === secretBytes ? bytes : undefined;
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
