import { type AgentId, type AnyEvent, BridgeError, events, type Principal } from "@armorclaw/protocol";
import { compilePatterns } from "../events/index.ts";
import type { Access } from "./access.ts";

const contractEvents: readonly (readonly [string, AnyEvent])[] = Object.entries(events);

const domainOf = (type: string): string => type.split(".", 1)[0] ?? type;

/** The bridge alone publishes events of the domains of its contract, so that what they report is true. */
const reservedDomains: ReadonlySet<string> = new Set(contractEvents.map(([type]) => domainOf(type)));

/** The channels of the contract's events as patterns. A reader who selects by channel would take another event there for the bridge's. */
const isReservedChannel = compilePatterns([
  ...new Set(contractEvents.map(([, { channel }]) => channel.replaceAll(/<[^<>]+>/gu, "*"))),
]);

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
    if (reservedDomains.has(domainOf(type)))
      throw new BridgeError("FORBIDDEN", `Events of the type ${type} are published by the bridge alone`, { type });
    if (isReservedChannel(channel))
      throw new BridgeError("FORBIDDEN", `On the channel ${channel} the bridge alone publishes`, { channel });
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
