import { BridgeError } from "@armorclaw/protocol/errors";

/** What fits in `sun_path` with its closing NUL, on Linux. The BSDs and macOS have four bytes less. */
const socketPathBytesMax = process.platform === "linux" ? 107 : 103;

export const isPipePath = (path: string): boolean => path.startsWith("\\\\.\\pipe\\");

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
