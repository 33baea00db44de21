import type { EventEnvelope } from "@armorclaw/protocol";
import type { Consumers } from "../../events/index.ts";

/** The named subscriptions that an agent's runtime reads: events of its loop's subscriptions, and messages. */
const names = { events: "events", messages: "inbox" } as const;

/** What waits for an agent in its named subscriptions. */
export interface AgentInbox {
  /** Keeps the position of the agent's subscriptions, from its start on. */
  keep(agentId: string, channels: readonly string[], options: { readonly beginAnew: boolean }): Promise<void>;
  /** Resolves with the first event that waits for the agent, or with undefined when the signal aborts first. */
  whenNeeded(agentId: string, signal: AbortSignal): Promise<EventEnvelope | undefined>;
  /** When the agent last finished an event, in milliseconds since the epoch; undefined while it handles one. */
  takenAtMs(agentId: string): number | undefined;
}

export function agentInbox(consumers: Consumers): AgentInbox {
  const owner = (agentId: string) => `agent:${agentId}`;
  return {
    keep: (agentId, channels, options) =>
      consumers.keep({ owner: owner(agentId), name: names.events }, { channels }, options),
    whenNeeded: (agentId, signal) => consumers.whenNeeded(owner(agentId), Object.values(names), signal),
    takenAtMs: (agentId) => consumers.takenAtMs(owner(agentId)),
  };
}
