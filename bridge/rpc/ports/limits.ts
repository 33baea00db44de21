import { limits as wire } from "@armorclaw/protocol/limits";

/** The limits of a server. */
export interface RpcLimits {
  /** The longest line that is accepted. */
  readonly frameBytesMax: number;
  /** The longest answer, and the most bytes of all the answers of one batch. */
  readonly replyBytesMax: number;
  /** The most requests in one batch. */
  readonly batchMax: number;
  /** The deepest nesting of a line's value. */
  readonly depthMax: number;
  /** The most keys of one object. */
  readonly keysMax: number;
  /** The most keys of all objects in one line. */
  readonly keysTotalMax: number;
  /** The most elements of one array. */
  readonly elementsMax: number;
  /** The most objects and arrays in one line. */
  readonly containersMax: number;
  /** The most handlers that run at once for one connection; reading pauses there. */
  readonly inFlightMax: number;
  /** The most open streams of one connection. A stream can wait for credit for ever, so these are refused, not queued. */
  readonly streamsMax: number;
  /** Stream items that may be sent before the peer grants more. */
  readonly streamCredit: number;
  /** Unsent bytes of one connection above which it is not read any more. */
  readonly readPauseBytes: number;
  /** Unsent bytes of one connection that start the write deadline. Four times as many end it at once. */
  readonly queueBytesMax: number;
  /** How long unsent bytes may stay over `queueBytesMax`. */
  readonly writeDeadlineMs: number;
  /** How long a line may take from its first byte to its newline. */
  readonly lineDeadlineMs: number;
  /** The most bytes of unfinished lines of all connections of one principal. */
  readonly partialBytesMax: number;
  /** Milliseconds of the bridge's one thread that the lines of a principal may take per second, and five times as many at once. Admins have no such bounds. */
  readonly busyMsPerS: number;
  /** Bytes that are read from a principal per second. */
  readonly readBytesPerS: number;
  readonly readBurstBytes: number;
  /** How many lines that are no request a principal may send per second before its connection is closed. */
  readonly invalidPerS: number;
  readonly invalidBurst: number;
  /** How long the lines of one connection are served before all others have a turn. */
  readonly turnMs: number;
  /** The longest a call may take, streams apart. */
  readonly callDeadlineMs: number;
  /** The most connections of one user. Beyond it, one that has never sent a line makes room. */
  readonly connectionsMax: number;
  /** The most connections of one agent. */
  readonly agentConnectionsMax: number;
}

const mebibyte = 1024 * 1024;

export const defaultRpcLimits: RpcLimits = {
  frameBytesMax: wire.frameBytesMax,
  replyBytesMax: wire.replyBytesMax,
  batchMax: wire.batchMax,
  depthMax: wire.depthMax,
  /** No params have more than some hundred; a map of a million keys takes a second to build. */
  keysMax: 100_000,
  /** A million numbers fit in a frame and parse in 20 ms. */
  elementsMax: 1_000_000,
  /** Each name that is new takes a microsecond. */
  keysTotalMax: 250_000,
  /** An empty object takes 56 bytes for its two. A line of so many small objects parses in 50 ms. */
  containersMax: 250_000,
  /** Above any burst of a well-behaved client: 64 pipelined calls saturate a connection. */
  inFlightMax: 4096,
  /** A person follows a handful of logs. */
  streamsMax: 64,
  streamCredit: wire.streamCreditInitial,
  /** Enough that a reading peer never sees a pause. */
  readPauseBytes: mebibyte,
  queueBytesMax: 8 * mebibyte,
  /** The default of NATS. */
  writeDeadlineMs: 10_000,
  /** A frame of 16 MiB takes 30 s at 0.5 MiB/s, which is slower than any local peer. */
  lineDeadlineMs: 30_000,
  /** Four frames at once. */
  partialBytesMax: 4 * wire.frameBytesMax,
  /** An agent at its 2,000 calls a second takes as much. */
  busyMsPerS: 100,
  /** More than a stream of attachments needs; at the most frames of 16 MiB, four a second. */
  readBytesPerS: 64 * mebibyte,
  readBurstBytes: 128 * mebibyte,
  /** A client with a fault sends as many as it has calls in flight; none goes on. */
  invalidPerS: 50,
  invalidBurst: 1_000,
  turnMs: 10,
  callDeadlineMs: 120_000,
  connectionsMax: 1024,
  /** One connection, and a second one while a reconnect overlaps. */
  agentConnectionsMax: 2,
};
