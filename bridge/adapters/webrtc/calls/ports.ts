import type { Principal } from "@armorclaw/protocol";

/** Who may talk in a room. */
export interface RoomGate {
  /**
   * Whether the principal may call there, for the member of the room that is named.
   * @throws BridgeError while it cannot be known, or to say what is wrong
   */
  mayCall(principal: Pick<Principal, "id" | "role">, roomId: string, userId: string | undefined): Promise<boolean>;
}

/** A stretch of a call that is paid for ahead. */
export interface CallReservation {
  /** How long it is: what was asked for, or less when no more is left. */
  readonly ms: number;
  /** Charges what was used of it, and gives the rest back. */
  settle(usedMs: number): Promise<void>;
}

/** What pays for calls. */
export interface CallReservations {
  /** Holds as much, or what is left. @throws BridgeError when there is nothing left to call with */
  reserve(call: CallAttribution, ms: number): Promise<CallReservation>;
}

export interface CallAttribution {
  readonly sessionId: string;
  readonly roomId: string;
  readonly agentId: string | undefined;
}
