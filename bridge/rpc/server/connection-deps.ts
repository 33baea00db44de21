import type { Socket } from "node:net";
import type { Principal } from "@armorclaw/protocol";
import type { BridgeError } from "@armorclaw/protocol/errors";
import type { Dispatcher } from "../dispatch/dispatcher.ts";
import type { HttpTakeover } from "../http/http-takeover.ts";
import type { RpcLimits } from "../ports/limits.ts";
import type { Flusher } from "../wire/flusher.ts";
import type { JoinedLines } from "../wire/joined-lines.ts";
import type { LineBuffers } from "../wire/line-buffers.ts";
import type { LongBuffers } from "../wire/long-buffers.ts";

/** What the connections of one principal share. */
export interface PrincipalShare {
  /** Bytes of unfinished lines. */
  partialBytes: number;
}

export interface ConnectionDeps {
  readonly id: number;
  readonly principal: Principal;
  readonly share: PrincipalShare;
  readonly dispatcher: Dispatcher;
  readonly lineBuffers: LineBuffers;
  readonly longBuffers: LongBuffers;
  readonly joinedLines: JoinedLines;
  readonly flusher: Flusher;
  readonly limits: RpcLimits;
  readonly monotonic: () => number;
  readonly nextCorrelationId: () => string;
  readonly hasHungUp: ((socket: Socket) => boolean) | undefined;
  /** Serves a peer that sends HTTP. Without it, such a peer is refused. */
  readonly http: HttpTakeover | undefined;
  /** Called after an asynchronous handler has ended. */
  readonly onSettled: () => void;
  /** Called when the bridge closes the connection. */
  readonly onCut: (reason: BridgeError, isSlow: boolean) => void;
}
