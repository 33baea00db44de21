import { accessSync, constants } from "node:fs";
import { dirname } from "node:path";

/**
 * Who may serve an agent's socket. In a container the engine mounts the socket's directory so that nothing in the container can write
 * it, and the users outside have no names inside. A directory that the agent may write is one of its own user, and is checked.
 */
export function serverUidOf(socketPath: string): "any" | undefined {
  try {
    accessSync(dirname(socketPath), constants.W_OK);
    return undefined;
  } catch {
    return "any";
  }
}
