import { type AgentId, BridgeError, type Principal } from "@armorclaw/protocol";
import type { Access } from "./access.ts";

/** The bridge alone publishes events of these types, so that what they report is true. */
const reservedTypes = /^(?:agent|alert|approval|bridge|budget|config|event|keystore|llm|matrix|queue|task)\./;

/** What event rights ask about agents. */
export interface PublishingAgents {
  /** Whether the agent is paused or suspended: it then takes no events, through no fault of its own. */
  isFrozen(agentId: AgentId): boolean;
}

/** Who may publish and subscribe to which events. */
export class EventRights {
  readonly #access: Pick<Access, "mayUseChannel">;
  readonly #agents: PublishingAgents;

  constructor(access: Pick<Access, "mayUseChannel">, agents: PublishingAgents) {
    this.#access = access;
    this.#agents = agents;
  }

  /** @throws BridgeError FORBIDDEN */
  assertMaySubscribe(principal: Principal, patterns: readonly string[]): void {
    for (const pattern of patterns) this.#assertMayUse(principal, pattern, "subscribe");
  }

  /** @throws BridgeError FORBIDDEN */
  assertMayPublish(principal: Principal, channel: string, type: string): void {
    this.#assertMayUse(principal, channel, "publish");
    if (reservedTypes.test(type))
      throw new BridgeError("FORBIDDEN", `Events of the type ${type} are published by the bridge alone`, { type });
  }

  /** Whether the principal takes no events because it is an agent that is paused or suspended. */
  isFrozen(principal: Principal): boolean {
    return principal.kind === "agent" && this.#agents.isFrozen(principal.agentId);
  }

  #assertMayUse(principal: Principal, pattern: string, use: "publish" | "subscribe"): void {
    if (this.#access.mayUseChannel(principal, pattern, use)) return;
    throw new BridgeError("FORBIDDEN", `${principal.id} may not ${use} on the channel ${pattern}`, {
      channel: pattern,
    });
  }
}
