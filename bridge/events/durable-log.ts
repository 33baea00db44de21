import { setImmediate as nextTurn } from "node:timers/promises";
import { BridgeError, type EventEnvelope, limits } from "@armorclaw/protocol";
import type { Service } from "../lifecycle/index.ts";
import type { Logger } from "../logging/index.ts";
import { type Clock, timestamp } from "../platform/clock.ts";
import type { Sql, Store } from "../store/index.ts";
import type { EventDraft, EventPage, Logged, LogPage } from "./event-log.ts";
import { type ReadableLog, readHistory, readNewest, searchHistory } from "./history.ts";
import { compileSelector, type EventSelector } from "./match/selector.ts";
import { SelectorIndex } from "./match/selector-index.ts";
import { type LogReader, Retention, type RetentionSettings } from "./retention.ts";
import { Sequence } from "./sequence.ts";
import {
  eventsAfter,
  eventsBefore,
  findEvent,
  insertEvent,
  lastStored,
  readState,
  type StoredEvent,
  saveIsOpen,
} from "./store.ts";
import { VolatileBuffer } from "./volatile-buffer.ts";

/** How many followers are offered events before other work of the bridge runs. */
const offersPerTurn = 250;

/** Receives every event once it is durable (a volatile one at once), in the order of `seq`. Must not block or throw. */
export interface Follower {
  offer(logged: Logged): void;
  /** How it reads the log, when it reads it in order. */
  readonly reader?: LogReader | undefined;
}

/** Publishes within the transaction: the event exists if and only if the transaction is committed. */
export type Emit = (draft: EventDraft, audience?: string) => EventEnvelope;

export interface LogDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly retention: RetentionSettings;
}

/** The log of events, in one order that outlives the bridge. Followers receive an event only once it is durable. */
export class DurableEventLog implements Service, ReadableLog {
  readonly name = "events";
  readonly clock: Clock;
  readonly #store: Store;
  readonly #sequence: Sequence;
  readonly #retention: Retention;
  readonly #followers = new SelectorIndex<Follower>();
  /** Events that have a number and were not delivered yet: each waits until all before it are stored or have failed. */
  #queue: Entry[] = [];
  #isDelivering = false;
  /** The receivers of the first event of the queue that wait for a further turn of the loop. */
  #receivers: Follower[] | undefined;
  #delivered = 0;
  #isStopped = false;
  readonly #volatile: VolatileBuffer;
  /** Transactions that are not committed yet. A volatile event that is published meanwhile is flushed, since its number is lower. */
  #transactions = 0;
  #logId = "";
  #interruptedAfter: string | null | undefined;
  readonly #texts = new WeakMap<EventEnvelope, string>();

  constructor({ store, clock, logger, retention }: LogDeps) {
    this.#store = store;
    this.clock = clock;
    this.#sequence = new Sequence(store, logger);
    this.#retention = new Retention({ store, clock, logger }, retention);
    this.#retention.addReaders(() => this.#followers.all().flatMap(({ reader }) => reader ?? []));
    const insert = (sql: Sql, logged: Logged) => this.#insert(sql, logged, true);
    const onStored = (stored: readonly Logged[]) => {
      for (const logged of stored) this.#count(logged, true);
    };
    this.#volatile = new VolatileBuffer({ store, clock, logger, insert, onStored });
  }

  async start(): Promise<void> {
    const { logId, isOpen } = this.#store.read(readState);
    this.#logId = logId;
    this.#sequence.start();
    this.#interruptedAfter = isOpen ? (this.newestTime ?? null) : undefined;
    this.#store.writeNow((sql) => saveIsOpen(sql, true));
    this.#retention.start();
  }

  /** Drains after all other services: it stores and delivers what they published as they drained, before connections close. */
  async drain(): Promise<void> {
    this.#volatile.flush();
    await this.#store.write(() => undefined);
    await this.#untilDelivered();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#retention.stop();
    this.#volatile.flush();
    // The writes that are queued before this one share its commit.
    await this.#store.write((sql) => saveIsOpen(sql, false));
    await this.#untilDelivered();
    this.#sequence.stop();
  }

  get lastSeq(): number {
    return this.#sequence.last;
  }

  /** The time of the last event before the bridge ended without an orderly stop (null when there was none); undefined after an orderly stop. */
  get interruptedAfter(): string | null | undefined {
    return this.#interruptedAfter;
  }

  /** The time of the newest event; undefined when there is none. */
  get newestTime(): string | undefined {
    return this.scanBack(Number.MAX_SAFE_INTEGER, 1)[0]?.event.time;
  }

  /** Durable events up to this `seq` may have been removed. */
  get forgotten(): number {
    return this.#retention.forgotten;
  }

  /** Calls the listener before events are removed, so that readers can store their positions. */
  onBeforeForgetting(listener: () => void): void {
    this.#retention.onBeforeForgetting(listener);
  }

  /** Adds those who read the log and do not follow it. */
  addReaders(readers: (sql: Sql) => readonly LogReader[]): void {
    this.#retention.addReaders(readers);
  }

  /** Resolves when the event is durable, or at once for a volatile one. */
  async publish(draft: EventDraft): Promise<EventEnvelope> {
    if (draft.isVolatile === true) return this.#publishVolatile(draft);
    return await this.transact((_, emit) => emit(draft));
  }

  /** Runs `work` in one transaction with the events that it emits. Resolves when they are durable, and their delivery has begun. */
  transact<T>(work: (sql: Sql, emit: Emit) => T): Promise<T> {
    this.#volatile.flush();
    this.#transactions += 1;
    const entries: Entry[] = [];
    const emit =
      (sql: Sql): Emit =>
      (draft, audience) =>
        this.#append(sql, draft, audience, entries);
    return this.#store
      .write((sql) => {
        // On a full disk the store rolls the commit back and runs `work` again: what was numbered before does not exist.
        for (const entry of entries.splice(0)) entry.state = "failed";
        return work(sql, emit(sql));
      })
      .then(
        (value) => {
          this.#settle(entries, "stored");
          return value;
        },
        (error: unknown) => {
          this.#settle(entries, "failed");
          throw error;
        },
      );
  }

  /** A page of the next events after the cursor, for those who may come back for more at once. */
  history(selector: EventSelector, cursor: number, limit: number): EventPage {
    return readHistory(this, selector, cursor, limit);
  }

  /** Events after the cursor, however far they are from it. */
  async search(selector: EventSelector, cursor: number, limit: number): Promise<EventPage> {
    return await searchHistory(this, selector, cursor, limit);
  }

  /** The newest events before `before`, oldest first. */
  async newest(selector: EventSelector, limit: number, before?: number) {
    return await readNewest(this, selector, limit, before);
  }

  /** Whether durable events after the cursor were removed, or the cursor is of another log. */
  isReset(cursor: number): boolean {
    return cursor < this.forgotten || cursor > this.lastSeq;
  }

  /** Where a reader of this cursor goes on: before the first event after the cursor that is still there. */
  resumeAt(cursor: number): number {
    if (!this.isReset(cursor)) return cursor;
    const [next] = this.read(cursor > this.lastSeq ? 0 : cursor, 1).rows;
    return next === undefined ? this.lastSeq : next.event.seq - 1;
  }

  /** The events after `seq`, in order, for every audience. */
  read(seq: number, limit: number): LogPage {
    if (this.#isStopped) return { rows: [], isEnd: true };
    const rows = this.#store.read((sql) => eventsAfter(sql, seq, limit)).map((stored) => this.#parse(stored));
    if (rows.length === limit) return { rows, isEnd: false };
    return { rows: [...rows, ...this.#volatile.after(seq)], isEnd: true };
  }

  /** As `read`, for those who use each event once: its text is not kept beside it. */
  scan(seq: number, limit: number): LogPage {
    if (this.#isStopped) return { rows: [], isEnd: true };
    const rows = this.readSql((sql) => eventsAfter(sql, seq, limit)).map(parsed);
    if (rows.length === limit) return { rows, isEnd: false };
    return { rows: [...rows, ...this.#volatile.after(seq)], isEnd: true };
  }

  /** The newest events before `seq`, newest first. */
  scanBack(seq: number, limit: number): Logged[] {
    const stored = this.readSql((sql) => eventsBefore(sql, seq, limit));
    const buffered = this.#volatile.after(0).filter(({ event }) => event.seq < seq);
    return [...buffered.reverse(), ...stored.map(parsed)];
  }

  /** The stored events with these numbers. */
  scanAt(seqs: readonly number[]): Logged[] {
    return this.readSql((sql) => seqs.flatMap((seq) => findEvent(sql, seq) ?? [])).map(parsed);
  }

  get lastStored(): number {
    return this.readSql(lastStored);
  }

  readonly readSql = <T>(work: (sql: Sql) => T): T => this.#store.read(work);

  /** The event with this `seq`; undefined when it was removed. */
  at(seq: number): EventEnvelope | undefined {
    return this.read(seq - 1, 1).rows.find(({ event }) => event.seq === seq)?.event;
  }

  /** The event as JSON text, made once for all its receivers. */
  textOf(event: EventEnvelope): string {
    const known = this.#texts.get(event);
    if (known !== undefined) return known;
    const text = JSON.stringify(event);
    this.#texts.set(event, text);
    return text;
  }

  /** Up to this `seq` every event was delivered to all followers that want it. */
  get delivered(): number {
    return this.#delivered;
  }

  /** @param selector with it, the follower is offered no event that the selector excludes by its channel or type */
  follow(follower: Follower, selector?: EventSelector): () => void {
    return this.#followers.add(follower, selector);
  }

  /** Calls `onEvent` with each matching event from now on. For the bridge's own services: `onEvent` must not block or throw. */
  watch(selector: EventSelector, onEvent: (event: EventEnvelope) => void): { close(): void } {
    const matches = compileSelector(selector);
    const follower: Follower = {
      offer: ({ event, audience }) => {
        if (audience === null && matches(event)) onEvent(event);
      },
    };
    return { close: this.follow(follower, selector) };
  }

  #publishVolatile(draft: EventDraft): EventEnvelope {
    const event = this.#envelope(draft, this.#sequence.nextSeen());
    const logged = { event, audience: null, share: draft.share };
    this.#volatile.add(logged);
    this.#queue.push({ logged, isVolatile: true, state: "stored" });
    this.#deliver();
    if (this.#transactions > 0) this.#volatile.flush();
    return event;
  }

  #append(sql: Sql, draft: EventDraft, audience: string | undefined, entries: Entry[]): EventEnvelope {
    const event = this.#envelope(draft, this.#sequence.nextStored());
    const logged = { event, audience: audience ?? null, share: draft.share };
    const isVolatile = draft.isVolatile === true;
    const entry: Entry = { logged, isVolatile, state: "waiting" };
    entries.push(entry);
    this.#queue.push(entry);
    this.#insert(sql, logged, isVolatile);
    return event;
  }

  #insert(sql: Sql, { event, audience, share = event.source }: Logged, isVolatile: boolean): void {
    const text = this.textOf(event);
    const bytes = Buffer.byteLength(text);
    const { seq, channel, type } = event;
    insertEvent(sql, { seq, atMs: Date.parse(event.time), bytes, isVolatile, share, audience, channel, type, text });
  }

  /** Tells the retention of an event that is committed. */
  #count({ event, share = event.source }: Logged, isVolatile: boolean): void {
    this.#retention.added(isVolatile, share, Buffer.byteLength(this.textOf(event)));
  }

  /** @throws BridgeError INVALID_PARAMS when the data is over the limit */
  #envelope(draft: EventDraft, seq: number): EventEnvelope {
    const event: EventEnvelope = {
      id: `${this.#logId}-${seq}`,
      seq,
      channel: draft.channel as EventEnvelope["channel"],
      type: draft.type,
      source: draft.source,
      time: timestamp(this.clock),
      priority: draft.priority,
      ...(draft.ttlMs === undefined ? {} : { ttl_ms: draft.ttlMs }),
      ...(draft.correlationId === undefined ? {} : { correlation_id: draft.correlationId }),
      data: draft.data,
    };
    const text = this.textOf(event);
    if (text.length * 3 > limits.eventDataBytesMax) checkBytes(draft);
    return event;
  }

  #parse({ text, audience }: StoredEvent): Logged {
    const event = JSON.parse(text) as EventEnvelope;
    this.#texts.set(event, text);
    return { event, audience };
  }

  #settle(entries: readonly Entry[], state: Entry["state"]): void {
    this.#transactions -= 1;
    for (const entry of entries) {
      entry.state = state;
      if (state === "stored") this.#count(entry.logged, entry.isVolatile);
    }
    this.#deliver();
  }

  /**
   * Delivers the events that no earlier one holds up. An event that a follower publishes meanwhile is delivered after them. An event
   * for very many followers is delivered in several turns of the loop, and those after it wait.
   */
  #deliver(): void {
    if (this.#isDelivering) return;
    this.#isDelivering = true;
    let delivered = 0;
    let room = offersPerTurn;
    for (const { state, logged } of this.#queue) {
      if (state === "waiting") break;
      if (state === "stored") {
        const receivers = this.#receivers ?? this.#receiversOf(logged);
        for (const follower of receivers.slice(0, room)) if (this.#followers.has(follower)) follower.offer(logged);
        this.#receivers = receivers.length > room ? receivers.slice(room) : undefined;
        room = Math.max(0, room - receivers.length);
        if (this.#receivers !== undefined) break;
      }
      delivered += 1;
      this.#delivered = Math.max(this.#delivered, logged.event.seq);
    }
    this.#queue.splice(0, delivered);
    if (this.#receivers === undefined) this.#isDelivering = false;
    else setImmediate(() => this.#deliverOn());
  }

  #deliverOn(): void {
    this.#isDelivering = false;
    this.#deliver();
  }

  #receiversOf({ event, audience }: Logged): Follower[] {
    // What is for one named subscription is so on any channel.
    return audience === null ? this.#followers.candidates(event.channel, event.type) : this.#followers.all();
  }

  /** Resolves once nothing that may be delivered waits for a further turn. */
  async #untilDelivered(): Promise<void> {
    while (this.#receivers !== undefined) await nextTurn();
  }
}

const parsed = ({ text, audience }: StoredEvent): Logged => ({ event: JSON.parse(text) as EventEnvelope, audience });

interface Entry {
  readonly logged: Logged;
  readonly isVolatile: boolean;
  state: "waiting" | "stored" | "failed";
}

function checkBytes({ data }: EventDraft): void {
  const dataBytes = Buffer.byteLength(JSON.stringify(data));
  if (dataBytes <= limits.eventDataBytesMax) return;
  throw new BridgeError(
    "INVALID_PARAMS",
    `The event's data has ${dataBytes} bytes; ${limits.eventDataBytesMax} is the limit`,
  );
}
