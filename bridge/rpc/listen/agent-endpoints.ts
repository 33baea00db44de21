import { rmdirSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import type { AgentId } from "@armorclaw/protocol";
import { BridgeError } from "@armorclaw/protocol/errors";
import type { Logger } from "../../logging/index.ts";
import { sharedReads } from "../../patches/node/shared-reads.ts";
import type { NativeCalls } from "../../platform/os/peer-credentials.ts";
import { assertSocketPathFits, socketsAreFiles } from "../../platform/os/socket-path.ts";
import type { RpcServer } from "../server/server.ts";
import { admit } from "./admission.ts";
import type { AgentEndpoint, AgentEndpoints, EndpointGuard } from "./agent-endpoint.ts";
import { type Identify, identifyAgent } from "./identity.ts";
import { ownDirectory } from "./runtime-directory.ts";
import { type SocketServerOptions, serveSocket } from "./socket-server.ts";

/** Serves a socket beside the agent's own, for a protocol other than JSON-RPC. */
export interface SideSocket {
  /** The socket's name. */
  readonly name: string;
  /** Opens the socket for one start of an agent. The uid of every accepted connection has been checked. */
  open(agentId: AgentId, epoch: number): { accept(socket: Socket): void; close(): void };
}

export interface AgentEndpointsOptions {
  /** The directory that holds the agents' directories. */
  readonly root: string;
  readonly server: RpcServer;
  readonly native: NativeCalls | undefined;
  readonly logger: Logger;
}

export interface RegisteredEndpoints extends AgentEndpoints {
  /** Adds a side socket to the endpoints that are opened from now on. */
  register(sideSocket: SideSocket): void;
}

/** Every user may traverse an agent's directory, and none may list it. The mode and owner of the socket control access. */
const directoryMode = 0o711;
/**
 * Connections to one socket of which it is not known yet whose they are. Beside a standby that takes days, and as none of them is
 * read, it would not even be seen that a peer has closed its own.
 */
const waitingMax = 16;

/**
 * One directory for each agent and epoch, with its socket and the side sockets'. A directory that an earlier run of the bridge left
 * is used as it is, because a container may still have it mounted, and only the sockets in it are replaced.
 */
export function createAgentEndpoints(options: AgentEndpointsOptions): RegisteredEndpoints {
  const { root, server, native, logger } = options;
  const sideSockets: SideSocket[] = [];
  const reads = sharedReads();
  return {
    register: (sideSocket) => void sideSockets.push(sideSocket),
    async open(agentId, epoch, ownerUid, guard): Promise<AgentEndpoint> {
      if (!socketsAreFiles)
        throw new BridgeError("ISOLATION_REFUSED", `${agentId} cannot be started: agents do not run on Windows`);
      const directory = join(root, `${agentId}.${epoch}`);
      const socketPath = join(directory, "agent.sock");
      assertSocketPathFits(socketPath);
      ownDirectory(root, directoryMode);
      ownDirectory(directory, directoryMode);
      const identify = identifyAgent(native, agentId, ownerUid);
      const listen = (
        path: string,
        onConnection: (socket: Socket) => void,
        options?: Pick<SocketServerOptions, "reads">,
      ) => listenFor(path, guarded(onConnection, guard, native, logger), { logger, ownerUid, ...options });
      await using opened = new AsyncDisposableStack();
      opened.defer(() => removeIfEmpty(directory));
      opened.use(await listen(socketPath, (socket) => admit({ socket, identify, server, logger }), { reads }));
      for (const sideSocket of sideSockets) {
        const listener = sideSocket.open(agentId, epoch);
        opened.defer(() => listener.close());
        const enter = (socket: Socket) => admitTo(listener.accept, socket, identify, logger);
        opened.use(await listen(join(directory, sideSocket.name), enter));
      }
      const all = opened.move();
      return { directory, socketPath, close: () => all.disposeAsync() };
    },
  };
}

/**
 * Only the agent's own container gets past this, whatever uid a peer has: its process is asked for by the kernel's word on who
 * connected. Nothing that a peer sends is read before that is known.
 */
function guarded(
  onConnection: (socket: Socket) => void,
  guard: EndpointGuard,
  native: NativeCalls | undefined,
  logger: Logger,
): (socket: Socket) => void {
  let waiting = 0;
  return (socket) => {
    if (waiting >= waitingMax) {
      socket.destroy();
      return;
    }
    waiting += 1;
    const peer = native?.peerCredentials(socket);
    const onError = () => socket.destroy();
    socket.on("error", onError);
    socket.once("close", () => guard.disconnected());
    guard.admits(peer?.pid).then(
      (isIn) => {
        waiting -= 1;
        socket.off("error", onError);
        if (socket.destroyed) return;
        if (isIn) {
          onConnection(socket);
          return;
        }
        logger.warn({ peer }, "A peer from outside the agent's container was refused");
        socket.destroy();
      },
      // The start that the socket belongs to has ended.
      () => {
        waiting -= 1;
        socket.destroy();
      },
    );
  };
}

/** Listens, and on disposal ends its connections too. */
async function listenFor(
  path: string,
  onConnection: (socket: Socket) => void,
  options: SocketServerOptions,
): Promise<AsyncDisposable> {
  const connections = new Set<Socket>();
  const onSocket = (socket: Socket) => {
    connections.add(socket);
    socket.once("close", () => connections.delete(socket));
    onConnection(socket);
  };
  const listening = await serveSocket(path, onSocket, options);
  return {
    async [Symbol.asyncDispose]() {
      await listening.close();
      for (const connection of connections) connection.destroy();
    },
  };
}

/** Admits a peer to a side socket. A refused peer gets no answer. */
function admitTo(accept: (socket: Socket) => void, socket: Socket, identify: Identify, logger: Logger): void {
  try {
    identify(socket);
    accept(socket);
  } catch (error) {
    logger.warn({ error }, "A peer was refused");
    socket.destroy();
  }
}

/** The directory may already hold the socket of the agent's next start. */
function removeIfEmpty(directory: string): void {
  try {
    rmdirSync(directory);
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    if (!["ENOTEMPTY", "EEXIST", "ENOENT", "EBUSY"].includes(code)) throw error;
  }
}
