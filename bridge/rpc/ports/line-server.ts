import type { Duplex } from "node:stream";
import type { Principal } from "@armorclaw/protocol";
import type { BridgeError } from "@armorclaw/protocol/errors";

/** Serves the peers that a listener has admitted. */
export interface LineServer {
  /** @param onEnding is called before the server ends the connection by itself, with the reason */
  attach(lines: Duplex, principal: Principal, onEnding?: (reason: BridgeError) => void): void;
}
