import { randomBytes } from "node:crypto";
import { lchownSync, lstatSync, renameSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { dirname, join } from "node:path";
import type { Logger } from "../../logging/index.ts";
import { assertSocketPathFits, isPipePath } from "../../platform/os/socket-path.ts";

/** The most that Linux allows. Node's default of 511 is too small for a burst of connections. */
const backlog = 4096;

/** A listening socket. */
export interface SocketServer {
  /** Whether a file has the socket's name. A cleaner of old files may have removed the socket while it was served. */
  hasFile(): boolean;
  /** Takes no more connections, and removes the socket if it is still the one that was made. Idempotent. */
  close(): Promise<void>;
}

export interface SocketServerOptions {
  readonly logger: Logger;
  /** The owner of the socket; the bridge's own user when left out. */
  readonly ownerUid?: number;
  /** Replaces Node's way of reading a connection. The sockets it returns are paused. */
  readonly reads?: ((accepted: Socket) => Socket) | undefined;
}

/**
 * Listens on a socket that is 0600 from its first instant and appears under its name only when it is served: it is bound under
 * a temporary name beside it, given to its owner, and renamed over whatever is there.
 * @throws BridgeError SOCKET_PATH_TOO_LONG
 */
export async function serveSocket(
  path: string,
  onConnection: (socket: Socket) => void,
  { logger, ownerUid, reads }: SocketServerOptions,
): Promise<SocketServer> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: reads !== undefined }, (socket) =>
    onConnection(reads === undefined ? socket : reads(socket)),
  );
  if (isPipePath(path)) {
    await listen(server, path, logger);
    return { hasFile: () => true, close: () => closeServer(server) };
  }
  const temporary = join(dirname(path), `.${randomBytes(3).toString("hex")}`);
  assertSocketPathFits(path);
  assertSocketPathFits(temporary);
  await listen(server, temporary, logger);
  try {
    if (ownerUid !== undefined && ownerUid !== process.getuid?.()) {
      lchownSync(temporary, ownerUid, process.getgid?.() ?? ownerUid);
    }
    const { ino } = lstatSync(temporary);
    renameSync(temporary, path);
    return {
      hasFile: () => lstatSync(path, { throwIfNoEntry: false }) !== undefined,
      close: async () => {
        // `Server.close` unlinks only the temporary name to which it was bound.
        if (lstatSync(path, { throwIfNoEntry: false })?.ino === ino) rmSync(path);
        await closeServer(server);
      },
    };
  } catch (error) {
    await closeServer(server);
    throw error;
  }
}

/** `listen` binds before it returns, so the umask applies to this socket alone. */
function listen(server: Server, path: string, logger: Logger): Promise<void> {
  const listening = new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.once("listening", () => {
      server.off("error", reject);
      // A failed accept, for example without free descriptors, affects only that peer.
      server.on("error", (error) => logger.error({ error }, "A connection could not be accepted"));
      resolve();
    });
  });
  const umask = process.umask(0o177);
  try {
    server.listen({ path, backlog });
  } finally {
    process.umask(umask);
  }
  return listening;
}

/** Stops listening. Open connections stay open. */
function closeServer(server: Server): Promise<void> {
  if (server.listening) server.close();
  return Promise.resolve();
}
