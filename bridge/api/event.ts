import { BridgeError, type EventEnvelope, type MethodsOf, type Params } from "@armorclaw/protocol";
import type { EventRights } from "../access/index.ts";
import type { ConsumerInfo, Consumers, DeadLetter, DurableEventLog, EventSelector } from "../events/index.ts";
import { fitting } from "../platform/page.ts";
import type { Handlers } from "../rpc/index.ts";
import { Subscriptions } from "./event-subscriptions.ts";

export function eventHandlers(
  log: DurableEventLog,
  consumers: Consumers,
  rights: EventRights,
): Handlers<MethodsOf<"event">> {
  const subscriptions = new Subscriptions(log, consumers);
  return {
    "event.subscribe": (params, { principal, peer }) => {
      rights.assertMaySubscribe(principal, params.channels);
      assertDelivery(params);
      const selected = selector(params.channels, params.filter);
      return params.name === undefined
        ? subscriptions.addLive(peer, selected, params)
        : subscriptions.addDurable(peer, { owner: principal.id, name: params.name }, selected, params, () =>
            rights.isFrozen(principal),
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
      rights.assertMayPublish(principal, channel, type);
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
    "event.history": async ({ channels, filter, cursor, limit, newest, before }, { principal }) => {
      rights.assertMaySubscribe(principal, channels);
      const selected = selector(channels, filter);
      if (newest || before !== undefined) return newestOut(await log.newest(selected, limit, before));
      const page = await log.search(selected, cursor, limit);
      const { rows, isCut } = fitting(page.events);
      return {
        events: rows,
        cursor: isCut ? (rows.at(-1)?.seq ?? page.cursor) : page.cursor,
        cursor_reset: page.cursorReset,
        has_more: page.hasMore || isCut,
      };
    },
    "event.consumers": () => ({ consumers: consumers.list().map(consumerOut) }),
    "event.forget": async ({ name, owner }, { principal }) => {
      await consumers.forget({ owner: owner ?? principal.id, name });
      return { ok: true };
    },
    "event.dead_letters": ({ cursor, limit }) => {
      const letters = consumers.deadLetters(cursor, limit);
      const { rows, isCut } = fitting(letters.map(deadLetterOut));
      return {
        dead_letters: rows,
        cursor: rows.at(-1)?.dead_letter_id ?? cursor,
        has_more: isCut || letters.length === limit,
      };
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

/** Of the newest events the newest are kept when not all fit. */
function newestOut(page: Awaited<ReturnType<DurableEventLog["newest"]>>) {
  const { rows, isCut } = fitting(page.events.toReversed());
  return {
    events: rows.toReversed(),
    cursor: page.cursor,
    before: isCut ? (rows.at(-1)?.seq ?? page.before) : page.before,
    cursor_reset: page.cursorReset,
    has_more: page.hasMore || isCut,
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
