import type { AgentId, AgentLimits, Grant, LoopManifest } from "@armorclaw/protocol";

/** What an agent is, as far as the operator decides. */
export interface AgentPlan {
  readonly agentId: AgentId;
  readonly manifest: LoopManifest;
  readonly limits: AgentLimits;
  readonly grants: readonly Grant[];
  /** Channels whose events are handed to its loop. */
  readonly subscriptions: LoopManifest["subscriptions"];
  /** Its number among the live agents; its uid follows from it. */
  readonly slot: number;
  /** When it is stopped, in milliseconds since the epoch. */
  readonly expiresAtMs: number | null;
}
