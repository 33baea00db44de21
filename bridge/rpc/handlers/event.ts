import { BridgeError, type EventEnvelope, type Principal } from "@armorclaw/protocol";
import type { EventLog, EventSelector, Subscription } from "../../events/events.ts";
import type { Handlers, Peer } from "../call.ts";

/** Subscriptions of one connection. */
const subscriptionsPerPeerMax = 100;
/** Types that only the bridge itself publishes: what they say is then true. */
const reservedTypes = /^(?:agent|bridge)\./;

export function eventHandlers(
  log: EventLog,
): Handlers<"event.subscribe" | "event.unsubscribe" | "event.publish" | "event.history"> {
  const subscriptions = new Subscriptions(log);
  return {
    "event.subscribe": ({ channels, filter, cursor }, { principal, peer }) => {
      for (const pattern of channels) assertMayUse(principal, pattern);
      return subscriptions.add(peer, selector(channels, filter), cursor);
    },
    "event.unsubscribe": ({ subscription_id }, { peer }) => {
      subscriptions.remove(peer, subscription_id);
      return { ok: true };
    },
    "event.publish": ({ channel, type, data, priority, ttl_ms, correlation_id }, { principal }) => {
      assertMayUse(principal, channel);
      if (reservedTypes.test(type)) {
        throw new BridgeError("FORBIDDEN", `Events of the type ${type} are published by the bridge alone`, { type });
      }
      const { id, seq } = log.publish({
        channel,
        type,
        source: principal.id,
        data,
        priority,
        ...(ttl_ms === undefined ? {} : { ttlMs: ttl_ms }),
        ...(correlation_id === undefined ? {} : { correlationId: correlation_id }),
      });
      return { id, seq };
    },
    "event.history": ({ channels, filter, cursor, limit }) => {
      const page = log.history(selector(channels, filter), cursor, limit);
      return { events: [...page.events], cursor: page.cursor, cursor_reset: page.cursorReset };
    },
  };
}

/** An agent has its own channels and no others; people have all. */
function assertMayUse(principal: Principal, pattern: string): void {
  if (principal.kind !== "agent" || pattern.startsWith(`agent.${principal.agentId}.`)) return;
  throw new BridgeError("FORBIDDEN", `${principal.agentId} may not use the channel ${pattern}`, { channel: pattern });
}

interface Filter {
  readonly types?: readonly string[] | undefined;
  readonly min_priority?: EventSelector["minPriority"] | undefined;
  readonly source?: string | undefined;
}

function selector(channels: readonly string[], filter: Filter | undefined): EventSelector {
  return {
    channels,
    ...(filter?.types === undefined ? {} : { types: filter.types }),
    ...(filter?.min_priority === undefined ? {} : { minPriority: filter.min_priority }),
    ...(filter?.source === undefined ? {} : { source: filter.source }),
  };
}

/** The live subscriptions of all connections; each ends with its connection. */
class Subscriptions {
  readonly #log: EventLog;
  readonly #byPeer = new Map<Peer, Map<string, Subscription>>();
  /** An event's text is made once, however many receive it. */
  readonly #encoded = new WeakMap<EventEnvelope, Uint8Array>();
  #count = 0;

  constructor(log: EventLog) {
    this.#log = log;
  }

  add(peer: Peer, selected: EventSelector, from: number | undefined) {
    const own = this.#of(peer);
    if (own.size >= subscriptionsPerPeerMax) {
      throw new BridgeError(
        "TOO_MANY_SUBSCRIPTIONS",
        `${subscriptionsPerPeerMax} subscriptions are the limit of a connection`,
      );
    }
    this.#count += 1;
    const subscription_id = `s${this.#count}`;
    const head = `{"jsonrpc":"2.0","method":"event.push","params":{"subscription_id":"${subscription_id}","event":`;
    const push = (event: EventEnvelope) => peer.push(Buffer.concat([Buffer.from(head), this.#encode(event)]));
    // What is replayed follows the answer that names the subscription.
    let early: EventEnvelope[] | undefined = [];
    const subscription = this.#log.subscribe(selected, from, (event) => {
      if (early === undefined) push(event);
      else early.push(event);
    });
    queueMicrotask(() => {
      for (const event of early ?? []) push(event);
      early = undefined;
    });
    own.set(subscription_id, subscription);
    return { subscription_id, cursor: subscription.cursor, cursor_reset: subscription.cursorReset };
  }

  remove(peer: Peer, subscriptionId: string): void {
    const own = this.#byPeer.get(peer);
    const subscription = own?.get(subscriptionId);
    if (subscription === undefined) throw new BridgeError("SUBSCRIPTION_NOT_FOUND");
    subscription.close();
    own?.delete(subscriptionId);
  }

  #of(peer: Peer): Map<string, Subscription> {
    const known = this.#byPeer.get(peer);
    if (known !== undefined) return known;
    const own = new Map<string, Subscription>();
    this.#byPeer.set(peer, own);
    peer.onClose(() => {
      for (const subscription of own.values()) subscription.close();
      this.#byPeer.delete(peer);
    });
    return own;
  }

  /** The event's text with what closes the notification around it. */
  #encode(event: EventEnvelope): Uint8Array {
    const known = this.#encoded.get(event);
    if (known !== undefined) return known;
    const text = Buffer.from(`${JSON.stringify(event)}}}\n`);
    this.#encoded.set(event, text);
    return text;
  }
}
