import { createHash } from "node:crypto";
import { BridgeError } from "@armorclaw/protocol/errors";
import { isPipePath } from "@armorclaw/protocol/pipe";

/** The bytes that fit in `sun_path` before its closing NUL. The BSDs and macOS have four fewer than Linux. */
const socketPathBytesMax = process.platform === "linux" ? 107 : 103;

export { isPipePath };

/** Whether a socket is a file, which can be mounted in a container. On Windows it is a pipe, which cannot. */
export const socketsAreFiles = process.platform !== "win32";

/**
 * The name of the pipe that replaces a directory's socket on Windows, where sockets are no files. Each directory has its own. Case
 * is ignored, as Windows ignores it in the names of directories and pipes.
 */
export const pipeNameFor = (directory: string): string =>
  `\\\\.\\pipe\\armorclaw-${createHash("sha256").update(directory.toLowerCase()).digest("hex").slice(0, 16)}`;

/** @throws BridgeError SOCKET_PATH_TOO_LONG */
export function assertSocketPathFits(path: string): void {
  const bytes = Buffer.byteLength(path);
  if (isPipePath(path) || bytes <= socketPathBytesMax) return;
  throw new BridgeError(
    "SOCKET_PATH_TOO_LONG",
    `The socket path ${path} is ${bytes} bytes long; ${socketPathBytesMax} are allowed`,
    { path, bytes, bytes_max: socketPathBytesMax },
  );
}
