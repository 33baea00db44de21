import { randomBytes } from "node:crypto";
import { lchownSync, lstatSync, renameSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { dirname, join } from "node:path";
import type { Logger } from "../../logging/index.ts";
import { assertSocketPathFits, isPipePath } from "../../platform/os/socket-path.ts";

/** What Linux allows at most. Node's own 511 is less than a burst of connections that come while one is dealt with. */
const backlog = 4096;

/** A socket that is being listened on. */
export interface SocketServer {
  /** Takes no more connections, and removes the socket if it is still the one that was made. Idempotent. */
  close(): Promise<void>;
}

export interface SocketServerOptions {
  readonly logger: Logger;
  /** Whose the socket becomes; the bridge's own when left out. */
  readonly ownerUid?: number;
  /** How connections are read, when not as Node does it. They are then handed over paused. */
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
    return { close: () => closeServer(server) };
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
      close: async () => {
        // `Server.close` unlinks the name that it was bound to, which is the temporary one: this name is ours to remove.
        if (lstatSync(path, { throwIfNoEntry: false })?.ino === ino) rmSync(path);
        await closeServer(server);
      },
    };
  } catch (error) {
    await closeServer(server);
    throw error;
  }
}

/** `listen` binds before it returns, so that a umask around the call is the socket's mode and no one else's. */
function listen(server: Server, path: string, logger: Logger): Promise<void> {
  const listening = new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.once("listening", () => {
      server.off("error", reject);
      // A connection that could not be accepted, such as when descriptors run out, is that peer's loss alone.
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

/** Resolves when nothing is listened on any more; connections that are open live on. */
function closeServer(server: Server): Promise<void> {
  if (server.listening) server.close();
  return Promise.resolve();
}
