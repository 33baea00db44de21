import type { IceCandidate, TransportState, TransportStats } from "../protocol/media-protocol.ts";

/**
 * Carries the media of one call. It knows no sessions or agents. Only `werift-transport.ts` and `patches/werift` know the library
 * behind it, so that the library can be replaced.
 */
export interface MediaTransport {
  /** Answers the far end's offer: the first one, or a later one that restarts ICE. @throws OfferRefused */
  answer(offerSdp: string): Promise<string>;
  /** Adds a trickled remote candidate. @returns whether the policy allowed it */
  addCandidate(candidate: string): Promise<boolean>;
  /** Sends one Opus frame. Does nothing until the call is connected. */
  send(frame: OpusFrame): void;
  stats(): TransportStats;
  close(): Promise<void>;
}

export interface OpusFrame {
  readonly payload: Uint8Array;
  /** In samples of 48 kHz, as RTP counts Opus. */
  readonly timestamp: number;
  /** The first frame after silence. */
  readonly isFirst: boolean;
}

export interface ReceivedFrame {
  readonly sequence: number;
  readonly timestamp: number;
  readonly payload: Uint8Array;
}

export interface TransportEvents {
  /** A candidate of the bridge for the far end. Null follows the last one. */
  candidate(candidate: IceCandidate | null): void;
  state(state: TransportState): void;
  frame(frame: ReceivedFrame): void;
  /** The far end pressed a telephone key. */
  digit(digit: string): void;
}

/** The bridge does not answer the offer. The message may be shown to the caller. */
export class OfferRefused extends Error {
  override readonly name = "OfferRefused";
}

/** No UDP port is free for another call. */
export class PortsExhausted extends Error {
  override readonly name = "PortsExhausted";
}
