import { BridgeError, type EventEnvelope } from "@armorclaw/protocol";
import { beforeAbort } from "../platform/abort.ts";
import { type Clock, timestamp } from "../platform/clock.ts";
import { Arrivals } from "./arrivals.ts";
import {
  audienceOf,
  type ConsumerKey,
  type ConsumerRow,
  type DeadLetter,
  deleteConsumer,
  deleteDeadLetter,
  findConsumer,
  findDeadLetter,
  insertConsumer,
  listConsumers,
  listDeadLetters,
  saveCursor,
  saveLost,
  saveSelector,
} from "./consumer-store.ts";
import { type DurableDeps, type DurableOptions, DurableSubscription } from "./durable-subscription.ts";
import type { EventSink } from "./event-log.ts";
import { compileSelector, type EventSelector, isAlive } from "./match/selector.ts";
import type { LogReader } from "./retention.ts";

/** The most named subscriptions of one owner. The store holds the position of each until it is deleted. */
const consumersPerOwnerMax = 100;

export interface ConsumerInfo extends ConsumerRow {
  readonly isConnected: boolean;
  /** How many events follow its cursor, matching or not. */
  readonly behind: number;
}

/** The named subscriptions, connected or not, and their dead letters. */
export class Consumers {
  readonly #deps: DurableDeps;
  readonly #connected = new Map<string, DurableSubscription>();
  readonly #awaited = new Set<Arrivals>();

  constructor(deps: DurableDeps) {
    this.#deps = deps;
    deps.log.addReaders((sql) => listConsumers(sql).map((row) => readerOf(row, deps.log.clock)));
    deps.log.onBeforeForgetting(() => {
      for (const place of [...this.#connected.values(), ...this.#awaited]) {
        place.flush().catch((error: unknown) => deps.logger.warn({ error }, "A position was not stored"));
      }
    });
  }

  /**
   * Resumes the named subscription, or creates it. It belongs to the newest reader: the connection of an earlier one is ended.
   * Nothing is pushed before `start()`.
   * @param cursor where a new subscription begins; it begins with the next event when left out
   */
  async connect(
    key: ConsumerKey,
    selector: EventSelector,
    options: DurableOptions,
    sink: EventSink,
    cursor: number | undefined,
  ): Promise<DurableSubscription> {
    const { log, store } = this.#deps;
    const audience = audienceOf(key);
    this.#connected.get(audience)?.end("Another connection has taken it over");
    const row = await store.write((sql) => {
      const known = findConsumer(sql, key);
      if (known !== undefined) {
        saveSelector(sql, key, selector);
        return known;
      }
      const own = listConsumers(sql).filter(({ owner }) => owner === key.owner);
      if (own.length >= consumersPerOwnerMax) {
        throw new BridgeError("TOO_MANY_SUBSCRIPTIONS", `${consumersPerOwnerMax} named subscriptions are the limit`);
      }
      const created = { ...key, selector, cursor: cursor ?? log.lastSeq, createdAt: timestamp(log.clock) };
      insertConsumer(sql, created);
      return { ...created, failedSeq: 0, attempts: 0, lost: 0 };
    });
    this.#connected.get(audience)?.end("Another connection has taken it over");
    const subscription = new DurableSubscription(this.#deps, row, selector, options, sink);
    this.#connected.set(audience, subscription);
    return subscription;
  }

  /** Ends the reading of a subscription whose reader left. Its position stays stored. */
  disconnect(key: ConsumerKey, subscription: DurableSubscription): void {
    subscription.close();
    const audience = audienceOf(key);
    if (this.#connected.get(audience) === subscription) this.#connected.delete(audience);
  }

  /** Creates the subscription for a reader that is not connected yet. An existing one keeps its position, or moves to the end of the log. */
  async keep(key: ConsumerKey, selector: EventSelector, options: { readonly beginAnew: boolean }): Promise<void> {
    const { log, store } = this.#deps;
    await store.write((sql) => {
      const known = findConsumer(sql, key);
      if (known === undefined) {
        insertConsumer(sql, { ...key, selector, cursor: log.lastSeq, createdAt: timestamp(log.clock) });
        return;
      }
      saveSelector(sql, key, selector);
      if (options.beginAnew) saveCursor(sql, key, log.lastSeq);
    });
  }

  /** Resolves with the first unread event for one of the owner's named subscriptions, or with undefined when the signal aborts first. */
  async whenNeeded(owner: string, names: readonly string[], signal: AbortSignal): Promise<EventEnvelope | undefined> {
    const rows = this.list().filter((row) => row.owner === owner && names.includes(row.name));
    const arrivals = new Arrivals(this.#deps, rows);
    this.#awaited.add(arrivals);
    try {
      return await beforeAbort(arrivals.first, signal);
    } finally {
      arrivals.stop();
      this.#awaited.delete(arrivals);
    }
  }

  /** When the owner's readers last acknowledged an event, in milliseconds since the epoch; undefined while one is unacknowledged. */
  takenAtMs(owner: string): number | undefined {
    const own = [...this.#connected].filter(([audience]) => audience.startsWith(`${owner}/`));
    if (own.some(([, subscription]) => subscription.isWaiting)) return undefined;
    return Math.max(0, ...own.map(([, subscription]) => subscription.ackedAtMs));
  }

  list(): ConsumerInfo[] {
    const { log, store } = this.#deps;
    return store.read(listConsumers).map((row) => {
      const connected = this.#connected.get(audienceOf(row));
      const cursor = connected?.cursor ?? row.cursor;
      return { ...row, cursor, isConnected: connected !== undefined, behind: Math.max(0, log.lastSeq - cursor) };
    });
  }

  /**
   * Deletes the subscription with its position and its dead letters.
   * @throws BridgeError SUBSCRIPTION_NOT_FOUND
   */
  async forget(key: ConsumerKey): Promise<void> {
    const audience = audienceOf(key);
    this.#connected.get(audience)?.end("It was deleted");
    this.#connected.delete(audience);
    if (await this.#deps.store.write((sql) => deleteConsumer(sql, key))) return;
    throw new BridgeError("SUBSCRIPTION_NOT_FOUND", `No named subscription is called ${audience}`);
  }

  deadLetters(afterId: number, limit: number): DeadLetter[] {
    return this.#deps.store.read((sql) => listDeadLetters(sql, afterId, limit));
  }

  /**
   * Delivers a dead letter again, to its own subscription alone, as a new event with a `seq` of its own.
   * @throws BridgeError DEAD_LETTER_NOT_FOUND
   */
  async redeliver(id: number): Promise<void> {
    await this.#deps.log.transact((sql, emit) => {
      const letter = findDeadLetter(sql, id);
      if (letter === undefined || !deleteDeadLetter(sql, id)) throw notFound(id);
      const { channel, type, source, data, priority, correlation_id, id: original } = letter.event;
      emit({ channel, type, source, data, priority, correlationId: correlation_id ?? original }, audienceOf(letter));
    });
  }

  /** @throws BridgeError DEAD_LETTER_NOT_FOUND */
  async discard(id: number): Promise<void> {
    if (!(await this.#deps.store.write((sql) => deleteDeadLetter(sql, id)))) throw notFound(id);
  }
}

/** A named subscription's place in the store, whether somebody reads it now or not. */
function readerOf(row: ConsumerRow, clock: Pick<Clock, "now">): LogReader {
  const matches = compileSelector(row.selector);
  return {
    position: row.cursor,
    isNamed: true,
    wants: ({ event, audience }) =>
      (audience === null ? matches(event) : audience === audienceOf(row)) && isAlive(event, clock.now()),
    lose: (sql, seq) => saveLost(sql, row, seq),
  };
}

const notFound = (id: number) => new BridgeError("DEAD_LETTER_NOT_FOUND", `No dead letter has the id ${id}`);
