/** What the budget may do to an agent that has reached a hard limit. */
export interface AgentHold {
  /** Holds the agent still. Resolves when it stands, or is gone. */
  freeze(agent: string, reason: string): Promise<void>;
  /** Lets a frozen agent go on. */
  thaw(agent: string): Promise<void>;
  stop(agent: string, reason: string): Promise<void>;
}

/** A human's decision on an exact request. */
export interface ApprovalGate {
  /**
   * Asks and waits.
   * @param request what is decided on; the approval is for this and nothing else
   * @throws BridgeError when it is denied or not answered in time
   */
  ask(
    action: "budget.topup",
    request: Readonly<Record<string, string | number>>,
    askedBy: string,
    signal: AbortSignal,
  ): Promise<{ readonly approvalId: string; readonly approvedBy: string }>;
}
