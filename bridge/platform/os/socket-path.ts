import { createHash } from "node:crypto";
import { BridgeError } from "@armorclaw/protocol/errors";
import { isPipePath } from "@armorclaw/protocol/pipe";

/** What fits in `sun_path` with its closing NUL, on Linux. The BSDs and macOS have four bytes less. */
const socketPathBytesMax = process.platform === "linux" ? 107 : 103;

export { isPipePath };

/** Whether a socket is a file, which can be given to a container. On Windows it is a pipe, which cannot. */
export const socketsAreFiles = process.platform !== "win32";

/**
 * The pipe that stands for a directory's socket on Windows, where sockets are no files. Two directories have two names: those of
 * Windows know no case, and neither do those of pipes.
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
