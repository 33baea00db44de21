import { BridgeError, type EventEnvelope, limits } from "@armorclaw/protocol";
import type { Service } from "../lifecycle/index.ts";
import type { Logger } from "../logging/index.ts";
import { type Clock, type Timer, timestamp } from "../platform/clock.ts";
import type { Row, Sql, Store } from "../store/index.ts";
import type { EventDraft, EventPage, EventSelector, Logged, LogPage } from "./event-log.ts";
import { readHistory } from "./history.ts";
import { Retention, type RetentionSettings } from "./retention.ts";
import { compileSelector } from "./selector.ts";
import { Sequence } from "./sequence.ts";

const insertEvent = "INSERT INTO events (seq, at_ms, bytes, is_volatile, audience, event) VALUES (?, ?, ?, ?, ?, ?)";
/** Volatile events wait so long, and are so many at most, before a commit is made for them alone. */
const [unsavedMsMax, unsavedMax] = [1_000, 256];
const newestEvents = "SELECT seq, audience, event FROM events ORDER BY seq DESC LIMIT ?";
const eventsAfter = "SELECT seq, audience, event FROM events WHERE seq > ? ORDER BY seq LIMIT ?";

/** Sees every event once it may be seen, in the order of `seq`. Must not block or throw. */
export interface Follower {
  offer(logged: Logged): void;
}

/** Publishes within the transaction: the event exists if and only if that is committed. */
export type Emit = (draft: EventDraft, audience?: string) => EventEnvelope;

export interface LogDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly retention: RetentionSettings;
}

/** Facts that happened, in one order, which outlives the bridge. An event is seen by no one before it is durable. */
export class DurableEventLog implements Service {
  readonly name = "events";
  readonly clock: Clock;
  readonly #store: Store;
  readonly #logger: Logger;
  readonly #sequence: Sequence;
  readonly #retention: Retention;
  readonly #followers = new Set<Follower>();
  /** Numbered and not yet shown: an event is shown after all before it are stored, or have failed. */
  #queue: Entry[] = [];
  #isShowing = false;
  #isStopped = false;
  /** Volatile events that the next commit of events stores. */
  #unsaved: Entry[] = [];
  #savingUnsaved: Timer | "queued" | undefined;
  /** Transactions that are not committed yet. What is published meanwhile is stored with them, as it has lower numbers. */
  #transactions = 0;
  #logId = "";
  #interruptedAfter: string | null | undefined;
  readonly #texts = new WeakMap<EventEnvelope, string>();

  constructor({ store, clock, logger, retention }: LogDeps) {
    this.#store = store;
    this.clock = clock;
    this.#logger = logger;
    this.#sequence = new Sequence(store, logger);
    this.#retention = new Retention({ store, clock, logger }, retention);
  }

  async start(): Promise<void> {
    const state = this.#store.read((sql) => sql.get("SELECT log_id, is_open FROM event_state"));
    this.#logId = String(state?.["log_id"]);
    this.#sequence.start();
    this.#interruptedAfter = state?.["is_open"] === 1 ? (this.readBack(1)[0]?.event.time ?? null) : undefined;
    this.#store.writeNow((sql) => sql.run("UPDATE event_state SET is_open = 1"));
    this.#retention.start();
  }

  /** The last to drain: what the others published as they drained is stored, and shown before connections close. */
  async drain(): Promise<void> {
    this.#queueUnsaved();
    await this.#store.write(() => undefined);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#retention.stop();
    this.#queueUnsaved();
    // What is queued before this write is stored with it.
    await this.#store.write((sql) => sql.run("UPDATE event_state SET is_open = 0"));
    this.#sequence.stop();
  }

  get lastSeq(): number {
    return this.#sequence.last;
  }

  /** The last event's time before an end without an orderly stop, null when there was none; else undefined. */
  get interruptedAfter(): string | null | undefined {
    return this.#interruptedAfter;
  }

  /** Durable events up to here may be gone. */
  get forgotten(): number {
    return this.#retention.forgotten;
  }

  /** Calls before events are forgotten, so that readers can note how far they are. */
  onBeforeForgetting(listener: () => void): void {
    this.#retention.onBeforeForgetting(listener);
  }

  /** Resolves when the event is durable; a volatile one at once. */
  async publish(draft: EventDraft): Promise<EventEnvelope> {
    if (draft.isVolatile === true) return this.#publishVolatile(draft);
    return await this.transact((_, emit) => emit(draft));
  }

  /** Runs `work` in one transaction with the events that it emits. Resolves when all is durable and shown. */
  transact<T>(work: (sql: Sql, emit: Emit) => T): Promise<T> {
    this.#queueUnsaved();
    this.#transactions += 1;
    const entries: Entry[] = [];
    const emit =
      (sql: Sql): Emit =>
      (draft, audience) =>
        this.#append(sql, draft, audience, entries);
    return this.#store
      .write((sql) => work(sql, emit(sql)))
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

  history(selector: EventSelector, cursor: number, limit: number): EventPage {
    return readHistory(this, selector, cursor, limit);
  }

  /** Whether durable events after the cursor are gone, or it is of another log. */
  isReset(cursor: number): boolean {
    return cursor < this.forgotten || cursor > this.lastSeq;
  }

  /** The events after `seq`, in order, whoever they are for. */
  read(seq: number, limit: number): LogPage {
    if (this.#isStopped) return { rows: [], isEnd: true };
    const rows = this.#store.read((sql) => sql.all(eventsAfter, seq, limit)).map((row) => this.#fromRow(row));
    if (rows.length === limit) return { rows, isEnd: false };
    // Unsaved ones are newer than all that is stored: any commit would have stored them too.
    const unsaved = this.#unsaved.filter(({ logged }) => logged.event.seq > seq).map(({ logged }) => logged);
    return { rows: [...rows, ...unsaved], isEnd: true };
  }

  /** The newest events, newest first. */
  readBack(limit: number): Logged[] {
    const unsaved = this.#unsaved.map(({ logged }) => logged).reverse();
    const rows = this.#store.read((sql) => sql.all(newestEvents, limit));
    return [...unsaved, ...rows.map((row) => this.#fromRow(row))];
  }

  /** The event with this `seq`, while it is remembered. */
  at(seq: number): EventEnvelope | undefined {
    return this.read(seq - 1, 1).rows.find(({ event }) => event.seq === seq)?.event;
  }

  /** The event as JSON, made once however many receive it. */
  textOf(event: EventEnvelope): string {
    const known = this.#texts.get(event);
    if (known !== undefined) return known;
    const text = JSON.stringify(event);
    this.#texts.set(event, text);
    return text;
  }

  follow(follower: Follower): () => void {
    this.#followers.add(follower);
    return () => void this.#followers.delete(follower);
  }

  /** Calls with each matching event from now on. For the bridge's own parts: `onEvent` must not block or throw. */
  watch(selector: EventSelector, onEvent: (event: EventEnvelope) => void): { close(): void } {
    const matches = compileSelector(selector);
    const close = this.follow({
      offer: ({ event, audience }) => {
        if (audience === null && matches(event)) onEvent(event);
      },
    });
    return { close };
  }

  #publishVolatile(draft: EventDraft): EventEnvelope {
    const event = this.#envelope(draft, this.#sequence.nextSeen());
    const entry: Entry = { logged: { event, audience: null }, state: "stored" };
    this.#unsaved.push(entry);
    this.#queue.push(entry);
    this.#show();
    if (this.#transactions > 0 || this.#unsaved.length >= unsavedMax) this.#queueUnsaved();
    else this.#savingUnsaved ??= this.clock.after(unsavedMsMax, () => this.#queueUnsaved());
    return event;
  }

  /** The next commit stores the volatile events too. */
  #queueUnsaved(): void {
    if (this.#unsaved.length === 0 || this.#savingUnsaved === "queued") return;
    this.#savingUnsaved?.cancel();
    this.#savingUnsaved = "queued";
    this.#store
      .write((sql) => this.#saveUnsaved(sql))
      .catch((error: unknown) => {
        this.#unsaved = [];
        this.#savingUnsaved = undefined;
        this.#logger.warn({ error }, "volatile events were not stored");
      });
  }

  #saveUnsaved(sql: Sql): void {
    const entries = this.#unsaved;
    this.#unsaved = [];
    this.#savingUnsaved = undefined;
    for (const { logged } of entries) this.#insert(sql, logged, true);
  }

  #append(sql: Sql, draft: EventDraft, audience: string | undefined, entries: Entry[]): EventEnvelope {
    const event = this.#envelope(draft, this.#sequence.nextStored());
    const logged = { event, audience: audience ?? null };
    const entry: Entry = { logged, state: "waiting" };
    entries.push(entry);
    this.#queue.push(entry);
    this.#insert(sql, logged, draft.isVolatile === true);
    return event;
  }

  #insert(sql: Sql, { event, audience }: Logged, isVolatile: boolean): void {
    const text = this.textOf(event);
    const bytes = Buffer.byteLength(text);
    sql.run(insertEvent, event.seq, Date.parse(event.time), bytes, isVolatile ? 1 : 0, audience, text);
    this.#retention.added(isVolatile, bytes);
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

  #fromRow(row: Row): Logged {
    const text = String(row["event"]);
    const event = JSON.parse(text) as EventEnvelope;
    this.#texts.set(event, text);
    return { event, audience: row["audience"] === null ? null : String(row["audience"]) };
  }

  #settle(entries: readonly Entry[], state: Entry["state"]): void {
    this.#transactions -= 1;
    for (const entry of entries) entry.state = state;
    this.#show();
  }

  /** Shows what may be shown. What followers publish meanwhile is shown after it. */
  #show(): void {
    if (this.#isShowing) return;
    this.#isShowing = true;
    let shown = 0;
    for (const { state, logged } of this.#queue) {
      if (state === "waiting") break;
      shown += 1;
      if (state === "failed") continue;
      for (const follower of this.#followers) follower.offer(logged);
    }
    this.#queue.splice(0, shown);
    this.#isShowing = false;
  }
}

interface Entry {
  readonly logged: Logged;
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
