import type { Duplex } from "node:stream";
import type { Principal } from "@armorclaw/protocol";

/** Serves the peers that a listener has admitted. */
export interface LineServer {
  attach(lines: Duplex, principal: Principal): void;
}
