import type { Duplex } from "node:stream";
import type { Principal } from "@armorclaw/protocol";

/** What serves the peers that a listener lets in. */
export interface LineServer {
  attach(lines: Duplex, principal: Principal): void;
}
