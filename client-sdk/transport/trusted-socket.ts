import { statSync } from "node:fs";
import { BridgeError } from "@armorclaw/protocol/errors";
import { ConnectionError } from "../types/errors.ts";
import type { OpenTransport } from "./transport.ts";
import { type PathFault, pathFault } from "./trusted-path.ts";

/**
 * Connects only to a socket that nobody but root and the bridge's user can serve. Node cannot ask the kernel who serves a socket. But
 * whoever binds a socket owns its file, so the owners of the file and of its directories answer the same question. The file is looked
 * at before and after the connection is made, so that it was not replaced meanwhile.
 * @param serverUid the bridge's user besides root; this process's own when left out, and nothing is checked for `any`
 * @throws BridgeError SERVER_NOT_TRUSTED
 */
export function trustedSocket(path: string, serverUid: number | "any" | undefined, open: OpenTransport): OpenTransport {
  const uid = serverUid ?? process.getuid?.();
  if (uid === "any" || uid === undefined) return open;
  return async (events, signal) => {
    const before = identityOf(path, uid);
    const transport = await open(events, signal);
    try {
      if (identityOf(path, uid) === before) return transport;
      throw new ConnectionError("NOT_CONNECTED", `${path} was replaced while it was connected to`);
    } catch (error) {
      transport.close();
      throw error;
    }
  };
}

function identityOf(path: string, uid: number): string {
  const fault = pathFault(path, [uid], true);
  if (fault !== undefined) throw notTrusted(path, fault);
  const { dev, ino } = statSync(path, { bigint: true });
  return `${dev} ${ino}`;
}

/** A client does not try again: the owner does not change by itself. */
function notTrusted(path: string, { reason, uid }: PathFault): BridgeError {
  const details = { path, owner_uid: uid };
  const error = new BridgeError("SERVER_NOT_TRUSTED", `${path} was not connected to: ${reason}`, details);
  return Object.assign(error, { retryable: false });
}
