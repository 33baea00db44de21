import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { BridgeError } from "@armorclaw/protocol/errors";
import type { Logger } from "../../logging/index.ts";
import type { RpcServer } from "../server/server.ts";
import { errorText, unknownId } from "../wire/envelope.ts";
import type { Identify } from "./identity.ts";

export interface Admission {
  readonly socket: Socket;
  readonly identify: Identify;
  readonly server: RpcServer;
  readonly logger: Logger;
  /** Wraps the socket of an admitted peer; the socket itself is served when left out. */
  readonly lines?: ((socket: Socket) => Duplex) | undefined;
  readonly onRefused?: () => void;
}

/** Attaches an identified peer to the server, or answers with one error and closes the socket. */
export function admit({ socket, identify, server, logger, lines, onRefused }: Admission): void {
  try {
    const principal = identify(socket);
    server.attach(lines?.(socket) ?? socket, principal);
  } catch (error) {
    const refusal = error instanceof BridgeError ? error : new BridgeError("UNAUTHENTICATED");
    logger.warn({ error }, "A peer was refused");
    onRefused?.();
    // An error here means that the peer has already disconnected.
    socket.on("error", () => undefined);
    socket.resume();
    socket.end(`${errorText(unknownId, refusal.toWire())}\n`, () => socket.destroy());
  }
}
