import type { Socket } from "node:net";
import { BridgeError } from "@armorclaw/protocol/errors";
import type { Logger } from "../logging/logging.ts";
import { errorText, unknownId } from "./envelope.ts";
import type { Identify } from "./identity.ts";
import type { RpcServer } from "./server.ts";

/** Lets a peer in as who it is, or tells it once that it may not and closes. */
export function admit(
  socket: Socket,
  identify: Identify,
  server: RpcServer,
  logger: Logger,
  onRefused?: () => void,
): void {
  try {
    server.attach(socket, identify(socket));
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
