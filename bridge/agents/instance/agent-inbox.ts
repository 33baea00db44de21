import type { EventEnvelope } from "@armorclaw/protocol";
import type { Consumers } from "../../events/index.ts";

/** What an agent's own code reads: events of its loop's subscriptions, and messages. */
const names = { heard: "events", messages: "inbox" } as const;

/** What comes for an agent, as the watch over it sees that. */
export interface AgentMail {
  /** Keeps the position of the agent's subscriptions, from its start on. */
  keep(agentId: string, channels: readonly string[], options: { readonly beginAnew: boolean }): Promise<void>;
  /** The first event that waits for the agent; undefined when the signal aborts first. */
  whenNeeded(agentId: string, signal: AbortSignal): Promise<EventEnvelope | undefined>;
  /** When the agent was last done with an event, in milliseconds since the epoch; undefined while it has one in hand. */
  takenAtMs(agentId: string): number | undefined;
}

/** The named subscriptions of agents. */
export function agentMail(consumers: Consumers): AgentMail {
  const owner = (agentId: string) => `agent:${agentId}`;
  return {
    keep: (agentId, channels, options) =>
      consumers.keep({ owner: owner(agentId), name: names.heard }, { channels }, options),
    whenNeeded: (agentId, signal) => consumers.whenNeeded(owner(agentId), Object.values(names), signal),
    takenAtMs: (agentId) => consumers.takenAtMs(owner(agentId)),
  };
}
