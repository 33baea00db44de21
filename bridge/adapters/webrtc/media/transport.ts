import type { IceCandidate, TransportState, TransportStats } from "../protocol/media-protocol.ts";

/**
 * What carries one call's media. It knows nothing of sessions or agents, so that the library behind it can be replaced:
 * nothing outside the files named `werift-*` and the guards around it knows which one it is.
 */
export interface MediaTransport {
  /** Answers the far end's offer: the first one, or a later one that restarts ICE. @throws OfferRefused */
  answer(offerSdp: string): Promise<string>;
  /** A remote candidate that trickled in. @returns whether the policy let it through */
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
  /** A candidate of the bridge's own for the far end; null after the last. */
  candidate(candidate: IceCandidate | null): void;
  state(state: TransportState): void;
  frame(frame: ReceivedFrame): void;
  /** A telephone key that the far end pressed. */
  digit(digit: string): void;
}

/** An offer that is not one the bridge answers. The message may be shown to the caller. */
export class OfferRefused extends Error {
  override readonly name = "OfferRefused";
}

/** No UDP port is free for another call. */
export class PortsExhausted extends Error {
  override readonly name = "PortsExhausted";
}
