import { BridgeError, type EventEnvelope, type Params } from "@armorclaw/protocol";
import {
  type Consumers,
  type Delivery,
  type DurableEventLog,
  type EventSelector,
  type EventSink,
  type Subscription,
  subscribeLive,
} from "../events/index.ts";
import type { Peer } from "../rpc/index.ts";

/** Subscriptions of one connection. */
const subscriptionsPerPeerMax = 100;
/** Events that a durable subscription may have pushed and not acknowledged, unless it says otherwise. */
const unackedDefault = 256;

type SubscribeParams = Params<"event.subscribe">;
type ConsumerKey = Parameters<Consumers["connect"]>[0];

interface Opened extends Subscription {
  readonly leave: () => void;
}

/** What one connection has open. Its ids are its own: the first is `s1` on each, so that an event is the same line on all of them. */
interface Own {
  readonly open: Map<string, Opened>;
  opened: number;
}

/** An event's text with what closes the notification around it, and the whole line for those who know the subscription by this id. */
interface Encoded {
  readonly id: string;
  readonly text: Uint8Array;
  readonly line: Uint8Array;
}

/** The subscriptions of all connections; each ends with its connection. */
export class Subscriptions {
  readonly #log: DurableEventLog;
  readonly #consumers: Consumers;
  readonly #byPeer = new Map<Peer, Own>();
  /** An event's text is made once, however many receive it. */
  readonly #encoded = new WeakMap<EventEnvelope, Encoded>();

  constructor(log: DurableEventLog, consumers: Consumers) {
    this.#log = log;
    this.#consumers = consumers;
  }

  addLive(peer: Peer, selector: EventSelector, { cursor, unacked_max }: SubscribeParams) {
    const own = this.#room(peer);
    const id = nextId(own);
    const subscription = subscribeLive(this.#log, selector, this.#sink(peer, id), {
      ...(cursor === undefined ? {} : { cursor }),
      ...(unacked_max === undefined ? {} : { unackedMax: unacked_max }),
    });
    own.open.set(id, { ...subscription, leave: () => subscription.close() });
    return { subscription_id: id, cursor: subscription.cursor, cursor_reset: subscription.cursorReset };
  }

  /** @param isFrozen whether the reader stands still by order */
  async addDurable(
    peer: Peer,
    key: ConsumerKey,
    selector: EventSelector,
    params: SubscribeParams,
    isFrozen: () => boolean,
  ) {
    const id = nextId(this.#room(peer));
    const options = {
      ackDeadlineMs: params.ack_deadline_ms,
      attemptsMax: params.attempts_max,
      unackedMax: params.unacked_max ?? unackedDefault,
      isFrozen,
    };
    const sink = this.#sink(peer, id);
    const subscription = await this.#consumers.connect(key, selector, options, sink, params.cursor);
    const leave = () => this.#consumers.disconnect(key, subscription);
    const { cursor, cursorReset } = subscription;
    const opened = { cursor, cursorReset, ack: (seq: number) => subscription.ack(seq), close: leave, leave };
    // The connection may have closed while the name was being stored.
    const own = this.#byPeer.get(peer);
    if (own === undefined) leave();
    else own.open.set(id, opened);
    // What is pushed follows the answer that names the subscription.
    setImmediate(() => subscription.start());
    return { subscription_id: id, cursor, cursor_reset: cursorReset };
  }

  /** @throws BridgeError SUBSCRIPTION_NOT_FOUND */
  get(peer: Peer, id: string): Subscription {
    const subscription = this.#byPeer.get(peer)?.open.get(id);
    if (subscription === undefined) throw new BridgeError("SUBSCRIPTION_NOT_FOUND");
    return subscription;
  }

  /** @throws BridgeError SUBSCRIPTION_NOT_FOUND */
  remove(peer: Peer, id: string): void {
    this.get(peer, id).close();
    this.#byPeer.get(peer)?.open.delete(id);
  }

  #room(peer: Peer): Own {
    const own = this.#of(peer);
    if (own.open.size < subscriptionsPerPeerMax) return own;
    throw new BridgeError(
      "TOO_MANY_SUBSCRIPTIONS",
      `${subscriptionsPerPeerMax} subscriptions are the limit of a connection`,
    );
  }

  #of(peer: Peer): Own {
    const known = this.#byPeer.get(peer);
    if (known !== undefined) return known;
    const own: Own = { open: new Map(), opened: 0 };
    this.#byPeer.set(peer, own);
    peer.onClose(() => {
      for (const subscription of own.open.values()) subscription.leave();
      this.#byPeer.delete(peer);
    });
    return own;
  }

  #sink(peer: Peer, id: string): EventSink {
    const head = `{"jsonrpc":"2.0","method":"event.push","params":{"subscription_id":"${id}",`;
    const plain = Buffer.from(`${head}"event":`);
    return {
      push: (event, delivery) => {
        const encoded = this.#encode(event, id, plain);
        if (!isPlain(delivery)) peer.push(Buffer.concat([Buffer.from(headOf(head, delivery)), encoded.text]));
        else peer.push(encoded.id === id ? encoded.line : Buffer.concat([plain, encoded.text]));
      },
      writable: () => peer.writable(),
      onGap: ({ after, resumedAt, skippedLow }) =>
        notify(peer, "event.gap", { subscription_id: id, after, resumed_at: resumedAt, skipped_low: skippedLow }),
      onEnd: (reason) => {
        this.#byPeer.get(peer)?.open.delete(id);
        notify(peer, "event.end", { subscription_id: id, reason });
      },
    };
  }

  #encode(event: EventEnvelope, id: string, head: Uint8Array): Encoded {
    const known = this.#encoded.get(event);
    if (known !== undefined) return known;
    const line = Buffer.concat([head, Buffer.from(`${this.#log.textOf(event)}}}\n`)]);
    const encoded = { id, line, text: line.subarray(head.length) };
    this.#encoded.set(event, encoded);
    return encoded;
  }
}

function nextId(own: Own): string {
  own.opened += 1;
  return `s${own.opened}`;
}

const isPlain = ({ attempt, cursor }: Delivery): boolean => attempt === 1 && cursor === undefined;

const headOf = (head: string, { attempt, cursor }: Delivery): string =>
  `${head}"attempt":${attempt},${cursor === undefined ? "" : `"cursor":${cursor},`}"event":`;

const notify = (peer: Peer, method: string, params: object): void =>
  void peer.push(Buffer.from(`${JSON.stringify({ jsonrpc: "2.0", method, params })}\n`));
