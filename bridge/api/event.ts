import { BridgeError, type EventEnvelope, type Params, type Principal } from "@armorclaw/protocol";
import type { Access } from "../access/index.ts";
import type { AgentSupervisor } from "../agents/index.ts";
import {
  type ConsumerInfo,
  type Consumers,
  type DeadLetter,
  type DurableEventLog,
  type EventSelector,
  readNewest,
} from "../events/index.ts";
import type { Handlers } from "../rpc/index.ts";
import { Subscriptions } from "./event-subscriptions.ts";

/** Types that only the bridge itself publishes: what they say is then true. */
const reservedTypes = /^(?:agent|alert|approval|bridge|budget|config|event|keystore|llm|matrix|queue|task)\./;

type EventMethods =
  | "event.subscribe"
  | "event.unsubscribe"
  | "event.ack"
  | "event.publish"
  | "event.history"
  | "event.consumers"
  | "event.forget"
  | "event.dead_letters"
  | "event.redeliver"
  | "event.discard";

export function eventHandlers(
  log: DurableEventLog,
  consumers: Consumers,
  access: Pick<Access, "mayUseChannel">,
  agents: Pick<AgentSupervisor, "get" | "list">,
): Handlers<EventMethods> {
  const subscriptions = new Subscriptions(log, consumers);
  const assertMayUse = (principal: Principal, pattern: string, use: "publish" | "subscribe") => {
    if (access.mayUseChannel(principal, pattern, use)) return;
    throw new BridgeError("FORBIDDEN", `${principal.id} may not ${use} on the channel ${pattern}`, {
      channel: pattern,
    });
  };
  return {
    "event.subscribe": (params, { principal, peer }) => {
      for (const pattern of params.channels) assertMayUse(principal, pattern, "subscribe");
      assertDelivery(params);
      const selected = selector(params.channels, params.filter);
      return params.name === undefined
        ? subscriptions.addLive(peer, selected, params)
        : subscriptions.addDurable(peer, { owner: principal.id, name: params.name }, selected, params, () =>
            isFrozen(principal, agents),
          );
    },
    "event.unsubscribe": ({ subscription_id }, { peer }) => {
      subscriptions.remove(peer, subscription_id);
      return { ok: true };
    },
    "event.ack": async ({ subscription_id, cursor }, { peer }) => {
      await subscriptions.get(peer, subscription_id).ack(cursor);
      return { ok: true };
    },
    "event.publish": async ({ channel, type, data, priority, ttl_ms, correlation_id, volatile }, { principal }) => {
      assertMayUse(principal, channel, "publish");
      assertWithinQuota(principal, agents);
      if (reservedTypes.test(type)) {
        throw new BridgeError("FORBIDDEN", `Events of the type ${type} are published by the bridge alone`, { type });
      }
      const { id, seq } = await log.publish({
        channel,
        type,
        source: principal.id,
        data,
        priority,
        isVolatile: volatile,
        ...(ttl_ms === undefined ? {} : { ttlMs: ttl_ms }),
        ...(correlation_id === undefined ? {} : { correlationId: correlation_id }),
      });
      return { id, seq };
    },
    "event.history": ({ channels, filter, cursor, limit, newest }, { principal }) => {
      for (const pattern of channels) assertMayUse(principal, pattern, "subscribe");
      const selected = selector(channels, filter);
      const page = newest ? readNewest(log, selected, limit) : log.history(selected, cursor, limit);
      return {
        events: [...page.events],
        cursor: page.cursor,
        cursor_reset: page.cursorReset,
        has_more: page.hasMore,
      };
    },
    "event.consumers": () => ({ consumers: consumers.list().map(consumerOut) }),
    "event.forget": async ({ name, owner }, { principal }) => {
      await consumers.forget({ owner: owner ?? principal.id, name });
      return { ok: true };
    },
    "event.dead_letters": ({ cursor, limit }) => {
      const letters = consumers.deadLetters(cursor, limit);
      return { dead_letters: letters.map(deadLetterOut), cursor: letters.at(-1)?.id ?? cursor };
    },
    "event.redeliver": async ({ dead_letter_id }) => {
      await consumers.redeliver(dead_letter_id);
      return { ok: true };
    },
    "event.discard": async ({ dead_letter_id }) => {
      await consumers.discard(dead_letter_id);
      return { ok: true };
    },
  };
}

/** What is asked for in words must be what the name makes it. */
function assertDelivery({ delivery, name }: Params<"event.subscribe">): void {
  const actual = name === undefined ? "at-most-once" : "at-least-once";
  if (delivery === undefined || delivery === actual) return;
  const why = name === undefined ? "A subscription without a name" : "A subscription with a name";
  throw new BridgeError("INVALID_PARAMS", `${why} is ${actual}, not ${delivery}`);
}

function selector(channels: readonly string[], filter: Params<"event.subscribe">["filter"]): EventSelector {
  return {
    channels,
    ...(filter?.types === undefined ? {} : { types: filter.types }),
    ...(filter?.min_priority === undefined ? {} : { minPriority: filter.min_priority }),
    ...(filter?.source === undefined ? {} : { source: filter.source }),
    ...(filter?.data === undefined ? {} : { data: filter.data }),
  };
}

const consumerOut = ({
  owner,
  name,
  selector: { channels },
  cursor,
  behind,
  isConnected,
  createdAt,
}: ConsumerInfo) => ({
  owner,
  name,
  channels: [...channels],
  cursor,
  behind,
  connected: isConnected,
  created_at: createdAt,
});

const deadLetterOut = ({ id, owner, name, attempts, reason, diedAt, event }: DeadLetter) => ({
  dead_letter_id: id,
  owner,
  name,
  attempts,
  reason,
  died_at: diedAt,
  event: event satisfies EventEnvelope,
});

/** One agent's flood must not become everyone's. */
function assertWithinQuota(principal: Principal, agents: Pick<AgentSupervisor, "get">): void {
  if (principal.kind !== "agent" || agents.get(principal.agentId).eventQuota.take(1)) return;
  throw new BridgeError("RATE_LIMITED", `${principal.agentId} publishes more events than its quota allows`, {
    retry_after_ms: 1_000,
  });
}

/** An agent that is paused or suspended takes nothing, and is not to blame for it. */
function isFrozen(principal: Principal, agents: Pick<AgentSupervisor, "list">): boolean {
  if (principal.kind !== "agent") return false;
  const found = agents.list(false).find(({ agentId }) => agentId === principal.agentId);
  return found?.state === "paused" || found?.state === "suspended";
}
