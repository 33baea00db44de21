import type { LoopManifest } from "@armorclaw/protocol";
import type { ContainerBase } from "../../containers/index.ts";

/** What stays the same over all starts of an agent. Each start's `ContainerSpec` is this with an epoch and a socket. */
export interface AgentPlan extends ContainerBase {
  readonly manifest: LoopManifest;
  /** The channels whose events are delivered to the agent's loop. */
  readonly subscriptions: LoopManifest["subscriptions"];
  /** When the agent is stopped, in milliseconds since the epoch; null for never. */
  readonly expiresAtMs: number | null;
}
