import type { Socket } from "node:net";
import type { Principal } from "@armorclaw/protocol";
import type { BridgeError } from "@armorclaw/protocol/errors";
import type { Clock } from "../../platform/clock.ts";
import type { Dispatcher } from "../dispatch/dispatcher.ts";
import type { HttpTakeover } from "../http/http-takeover.ts";
import type { RpcLimits } from "../ports/limits.ts";
import type { Flusher } from "../wire/flusher.ts";
import type { JoinedLines } from "../wire/joined-lines.ts";
import type { LineBuffers } from "../wire/line-buffers.ts";
import type { LongBuffers } from "../wire/long-buffers.ts";
import type { PrincipalShare } from "./principal-share.ts";

/** Work for one peer that kept the thread for long. */
export interface LongWork {
  readonly principal: string;
  /** The method that was called last. */
  readonly method: string;
  readonly bytes: number;
  readonly ms: number;
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
  readonly after: Clock["after"];
  readonly nextCorrelationId: () => string;
  readonly hasHungUp: ((socket: Socket) => boolean) | undefined;
  /** Serves a peer that sends HTTP. Without it, such a peer is refused. */
  readonly http: HttpTakeover | undefined;
  /** Called with what the peer's lines have taken of the bridge's thread, when that was long. */
  readonly onLongWork: (work: LongWork) => void;
  /** Called for a line that is no request. */
  readonly onInvalid: () => void;
  /** Called after an asynchronous handler has ended. */
  readonly onSettled: () => void;
  /** Called before the bridge ends the connection by itself: a transport may name the reason in its last frame. */
  readonly onEnding: ((reason: BridgeError) => void) | undefined;
  /** Called when the bridge closes the connection. */
  readonly onCut: (reason: BridgeError, isSlow: boolean) => void;
}
