import type { Principal } from "@armorclaw/protocol";

/** The rooms on the homeserver, as calls see them. */
export interface CallRooms {
  readonly trust: { isTrustedRoom(roomId: string): boolean };
  /** The bridge's own account; undefined while it is logged out. */
  readonly ownId: string | undefined;
  /** @throws BridgeError while the homeserver does not answer */
  isMember(roomId: string, userId: string): Promise<boolean>;
  listen(listener: {
    left(roomId: string, userId: string): void;
    /** The link to the homeserver is up again. Members may have left while it was down. */
    live(): void;
  }): void;
}

/** Decides who may call in a room. */
export interface RoomGate {
  /**
   * Whether the principal may call in the room, for the named member of it.
   * @throws BridgeError while this cannot be known, or with the reason of the refusal
   */
  mayCall(principal: Pick<Principal, "id" | "role">, roomId: string, userId: string | undefined): Promise<boolean>;
}

/** A stretch of a call whose budget is reserved. */
export interface CallReservation {
  /** Its length: what was requested, or less when less budget is left. */
  readonly ms: number;
  /** Charges the used part and releases the rest. */
  settle(usedMs: number): Promise<void>;
}

/** Reserves budget for calls. */
export interface CallReservations {
  /** Reserves `ms`, or what is left. @throws BridgeError when the budget is used up */
  reserve(call: CallAttribution, ms: number): Promise<CallReservation>;
}

export interface CallAttribution {
  readonly sessionId: string;
  readonly roomId: string;
  readonly agentId: string | undefined;
}
