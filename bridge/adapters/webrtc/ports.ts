import type { Principal } from "@armorclaw/protocol";

/** Who may talk in a room. */
export interface RoomGate {
  /** Whether the principal is in the room and may call there. */
  mayCall(principal: Pick<Principal, "id" | "role">, roomId: string): Promise<boolean>;
}

/** A stretch of a call that is paid for ahead. */
export interface CallReservation {
  /** Charges what was used of it, and gives the rest back. */
  settle(usedMs: number): Promise<void>;
}

/** What pays for calls. */
export interface CallBudget {
  /** @throws BridgeError when there is nothing left to call with */
  reserve(call: CallAttribution, ms: number): Promise<CallReservation>;
}

export interface CallAttribution {
  readonly sessionId: string;
  readonly roomId: string;
  readonly agentId: string | undefined;
}

/** The agents that a call can be put through to. */
export interface AgentDirectory {
  isRunning(agentId: string): boolean;
}
