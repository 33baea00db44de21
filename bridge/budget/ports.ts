/** What the budget may do to an agent that has reached a hard limit. */
export interface AgentHold {
  /** Pauses the agent. Resolves when the agent is paused or gone. */
  freeze(agent: string, reason: string): Promise<void>;
  /** Resumes a frozen agent. */
  thaw(agent: string): Promise<void>;
  stop(agent: string, reason: string): Promise<void>;
}

/** A person's decision on an exact request. */
export interface ApprovalGate {
  /**
   * Asks a person and waits for the decision.
   * @param request the approval is valid for this request alone
   * @throws BridgeError when the request is denied or not answered in time
   */
  ask(
    action: "budget.topup",
    request: Readonly<Record<string, string | number>>,
    askedBy: string,
    signal: AbortSignal,
  ): Promise<{ readonly approvalId: string; readonly approvedBy: string }>;
}
