import { rmdirSync } from "node:fs";
import { join } from "node:path";
import type { AgentEndpoint, AgentEndpoints } from "../agents/endpoints.ts";
import type { Logger } from "../logging/logging.ts";
import type { NativeCalls } from "../platform/peer-credentials.ts";
import { assertSocketPathFits } from "../platform/socket-path.ts";
import { admit } from "./admission.ts";
import { identifyAgent } from "./identity.ts";
import { ownDirectory } from "./runtime-directory.ts";
import type { RpcServer } from "./server.ts";
import { serveSocket } from "./socket-server.ts";

export interface AgentEndpointsOptions {
  /** The directory that holds the agents' directories. */
  readonly root: string;
  readonly server: RpcServer;
  readonly native: NativeCalls | undefined;
  readonly logger: Logger;
}

/** Everyone may pass through an agent's directory, and no one may list it: the socket's own mode and owner decide. */
const directoryMode = 0o711;

/**
 * One directory and socket for each agent and epoch. A directory that an earlier run of the bridge left is used as it is, because
 * a container may still have it mounted, and only the socket in it is replaced.
 */
export function createAgentEndpoints({ root, server, native, logger }: AgentEndpointsOptions): AgentEndpoints {
  return {
    async open(agentId, epoch, ownerUid): Promise<AgentEndpoint> {
      const directory = join(root, `${agentId}.${epoch}`);
      const socketPath = join(directory, "agent.sock");
      assertSocketPathFits(socketPath);
      ownDirectory(root, directoryMode);
      ownDirectory(directory, directoryMode);
      const identify = identifyAgent(native, agentId, ownerUid);
      const connections = new Set<{ destroy(): void }>();
      const listening = await serveSocket(
        socketPath,
        (socket) => {
          connections.add(socket);
          socket.once("close", () => connections.delete(socket));
          admit(socket, identify, server, logger);
        },
        logger,
        ownerUid,
      );
      let isOpen = true;
      return {
        directory,
        socketPath,
        async close() {
          if (!isOpen) return;
          isOpen = false;
          await listening.close();
          for (const connection of connections) connection.destroy();
          removeIfEmpty(directory);
        },
      };
    },
  };
}

/** A successor's socket may be in it by now. */
function removeIfEmpty(directory: string): void {
  try {
    rmdirSync(directory);
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    if (!["ENOTEMPTY", "EEXIST", "ENOENT", "EBUSY"].includes(code)) throw error;
  }
}
