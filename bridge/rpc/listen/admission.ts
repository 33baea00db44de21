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
  /** What is served of who was let in; the socket itself when left out. */
  readonly lines?: ((socket: Socket) => Duplex) | undefined;
  readonly onRefused?: () => void;
}

/** Lets a peer in as who it is, or tells it once that it may not and closes. */
export function admit({ socket, identify, server, logger, lines, onRefused }: Admission): void {
  try {
    const principal = identify(socket);
    server.attach(lines?.(socket) ?? socket, principal);
  } catch (error) {
    const refusal = error instanceof BridgeError ? error : new BridgeError("UNAUTHENTICATED");
    logger.warn({ error }, "A peer was refused");
    onRefused?.();
    // The peer is gone when this fails, and that is what was wanted.
    socket.on("error", () => undefined);
    socket.resume();
    socket.end(`${errorText(unknownId, refusal.toWire())}\n`, () => socket.destroy());
  }
}
