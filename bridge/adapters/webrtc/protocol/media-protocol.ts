import type { SampleRate } from "./sample-rate.ts";

export interface IceCandidate {
  readonly candidate: string;
  readonly sdpMid: string | null;
  readonly sdpMLineIndex: number | null;
}

export type TransportState = "connecting" | "connected" | "disconnected" | "failed" | "closed";

/** What a time without packets means. `restart`: the far end should restart ICE. `lost`: the far end is gone. */
export type Silence = "stalled" | "restart" | "lost" | "resumed";

/** What one call's media reports. */
export type MediaEvent =
  | { readonly kind: "candidate"; readonly candidate: IceCandidate | null }
  | { readonly kind: "state"; readonly state: TransportState }
  | { readonly kind: "silence"; readonly silence: Silence }
  | { readonly kind: "audio"; readonly samples: Int16Array }
  | { readonly kind: "speech"; readonly change: "started" | "stopped"; readonly queuedMs: number }
  | { readonly kind: "level"; readonly callerDb: number; readonly agentDb: number; readonly queuedMs: number }
  | { readonly kind: "digit"; readonly digit: string };

export interface TransportStats {
  readonly packetsReceived: number;
  readonly bytesReceived: number;
  readonly packetsSent: number;
  readonly bytesSent: number;
  /** Packets that were replayed or older than the window. */
  readonly replayed: number;
  /** Binding requests that did not carry the session's password. */
  readonly unauthenticatedStun: number;
  readonly refusedCandidates: number;
}

export interface JitterBufferStats {
  readonly played: number;
  readonly recovered: number;
  readonly concealed: number;
  readonly late: number;
  readonly skipped: number;
  readonly targetMs: number;
  readonly queuedMs: number;
  readonly jitterMs: number;
}

export interface MediaStats extends TransportStats, JitterBufferStats {
  readonly outgoingQueuedMs: number;
  readonly outgoingDropped: number;
  readonly tickLagMaxMs: number;
}

/** What the media thread answers, of one call each. */
export type MediaMethods = {
  readonly open: CallMethod<{ readonly rate: SampleRate; readonly relayOnly: boolean }, null>;
  readonly answer: CallMethod<{ readonly sdp: string }, string>;
  readonly candidate: CallMethod<{ readonly candidate: string }, boolean>;
  readonly clear: CallMethod<null, { readonly playedMs: number; readonly droppedMs: number }>;
  readonly set: CallMethod<{ readonly held?: boolean | undefined; readonly muted?: boolean | undefined }, null>;
  readonly stats: CallMethod<null, MediaStats>;
  readonly close: CallMethod<null, null>;
};

interface CallMethod<Params, Result> {
  readonly params: { readonly call: string; readonly params: Params };
  readonly result: Result;
}

/** 20 ms of samples for the caller. Nothing answers it. */
export interface PlaySamples {
  readonly call: string;
  readonly samples: Int16Array;
}

/** `refused`: the caller's doing. `exhausted`: no port is free. `gone`: there is no such call. `failed`: a bug. */
export interface MediaFailure {
  readonly code: "refused" | "exhausted" | "gone" | "failed";
  readonly message: string;
}

/** What the media thread notifies the bridge of. */
export interface MediaNotice {
  readonly call: string;
  readonly event: MediaEvent;
}

/** What the media thread is started with. All calls share it. */
export type MediaSettings = Omit<TransportOptions, "relayOnly">;

export interface TransportOptions {
  /** Addresses to bind and to send to the far end. Empty means all addresses of the machine. */
  readonly addresses: readonly string[];
  /** Sent to the far end instead of the bound address: a public address behind 1:1 NAT. */
  readonly announcedAddress: string | undefined;
  readonly portRange: readonly [number, number];
  readonly remoteCandidates: RemoteCandidates;
  readonly relayOnly: boolean;
}

/**
 * What the bridge does with addresses that a caller names. `ignore`: nothing. The caller's own checks are enough to connect, and nobody
 * can make the bridge send packets to an address. `public`: private and loopback addresses are refused.
 */
export type RemoteCandidates = "ignore" | "public" | "any";
