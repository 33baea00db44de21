import { BridgeError, type EventEnvelope } from "@armorclaw/protocol";
import type { Logger } from "../logging/index.ts";
import { type Timer, timestamp } from "../platform/clock.ts";
import type { Store } from "../store/index.ts";
import { audienceOf, bury, type ConsumerRow, saveCursor, saveFailure } from "./consumer-store.ts";
import type { DurableEventLog } from "./durable-log.ts";
import type { EventSink, Subscription } from "./event-log.ts";
import { Feed } from "./feed.ts";
import type { EventSelector } from "./match/selector.ts";
import { Window } from "./window.ts";

export interface DurableOptions {
  /** An event that is not acknowledged within this time is pushed again, with all events after it. */
  readonly ackDeadlineMs: number;
  /** After this many failed deliveries an event is set aside as a dead letter. */
  readonly attemptsMax: number;
  /** The most events that are pushed before an ack. */
  readonly unackedMax: number;
  /** Whether the reader is frozen by order. Its ack deadline does not run then. */
  readonly isFrozen?: () => boolean;
}

export interface DurableDeps {
  readonly log: DurableEventLog;
  readonly store: Store;
  readonly logger: Logger;
}

/** A named subscription: it delivers at least once and in order. The bridge stores the position, which moves with each ack. */
export class DurableSubscription implements Subscription {
  readonly cursorReset: boolean;
  readonly #deps: DurableDeps;
  readonly #row: ConsumerRow;
  readonly #options: DurableOptions;
  readonly #sink: EventSink;
  readonly #window: Window;
  readonly #feed: Feed;
  #acked: number;
  #saved: number;
  #failed: { seq: number; attempts: number };
  #deadline: { readonly seq: number; readonly timer: Timer } | undefined;
  /** Whether a dead letter is being written. Nothing is pushed meanwhile. */
  #isBurying = false;
  #isClosed = false;
  #ackedAtMs = 0;

  constructor(deps: DurableDeps, row: ConsumerRow, selector: EventSelector, options: DurableOptions, sink: EventSink) {
    this.#deps = deps;
    this.#row = row;
    this.#options = options;
    this.#sink = sink;
    this.cursorReset = row.lost > row.cursor || row.cursor > deps.log.lastSeq;
    this.#acked = this.cursorReset ? deps.log.resumeAt(row.cursor) : row.cursor;
    this.#saved = row.cursor;
    this.#failed = { seq: row.failedSeq, attempts: row.attempts };
    this.#window = new Window(sink, options.unackedMax, () => this.#feed.wake());
    this.#feed = new Feed(deps.log, this.#acked, {
      selector,
      audience: audienceOf(row),
      isLive: false,
      isReady: () => !this.#isBurying && this.#window.isOpen(),
      deliver: (event) => this.#deliver(event),
      onGap: (gap) => sink.onGap(gap),
    });
  }

  start(): void {
    if (!this.#isClosed) this.#feed.start();
  }

  get cursor(): number {
    return this.#acked;
  }

  /** Whether an event was pushed and not acknowledged. */
  get isWaiting(): boolean {
    return this.#window.head !== undefined;
  }

  /** In milliseconds since the epoch; 0 before the first. */
  get ackedAtMs(): number {
    return this.#ackedAtMs;
  }

  async ack(cursor: number): Promise<void> {
    const { lastSeq, clock } = this.#deps.log;
    this.#ackedAtMs = clock.now();
    if (cursor > lastSeq)
      throw new BridgeError("INVALID_PARAMS", `There is no event ${cursor} yet: ${lastSeq} is the last`);
    // The event may have been pushed on an earlier connection.
    if (cursor > this.#feed.position) this.#feed.rewind(cursor);
    if (cursor > this.#acked) {
      this.#acked = cursor;
      this.#window.ack(cursor);
      this.#watchHead();
    }
    await this.#save(cursor);
  }

  /** Stores the position although no event was for this subscription: events that are removed later then make no gap. */
  async flush(): Promise<void> {
    if (this.#window.head === undefined) this.#acked = Math.max(this.#acked, this.#feed.position);
    await this.#save(this.#acked);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#feed.stop();
    this.#deadline?.timer.cancel();
    // The reader left with unacknowledged events. This counts as a failure: an event that crashes its readers must not do so for ever.
    const ended = this.#window.head === undefined ? this.flush() : this.#fail("Its reader went away");
    ended.catch((error: unknown) => this.#warn(error));
  }

  /** Ends the subscription from the side of the bridge. */
  end(reason: string): void {
    if (this.#isClosed) return;
    this.close();
    this.#sink.onEnd(reason);
  }

  #deliver(event: EventEnvelope): void {
    const failures = event.seq === this.#failed.seq ? this.#failed.attempts : 0;
    this.#window.pushed(event.seq);
    this.#watchHead();
    this.#sink.push(event, { attempt: failures + 1 });
  }

  /** Starts the deadline of the oldest event that is not acknowledged. */
  #watchHead(): void {
    const { head } = this.#window;
    if (head === this.#deadline?.seq) return;
    this.#deadline?.timer.cancel();
    this.#deadline = undefined;
    if (head === undefined || this.#isClosed) return;
    const { ackDeadlineMs, isFrozen } = this.#options;
    const timer = this.#deps.log.clock.after(ackDeadlineMs, () => {
      if (isFrozen?.() === true) {
        this.#deadline = undefined;
        return this.#watchHead();
      }
      this.#fail(`It was not acknowledged within ${ackDeadlineMs} ms`).catch((error: unknown) => this.#warn(error));
    });
    this.#deadline = { seq: head, timer };
  }

  /** Counts a failure of the oldest event: it and all after it are pushed again, or it becomes a dead letter. */
  async #fail(reason: string): Promise<void> {
    const { head } = this.#window;
    if (head === undefined) return;
    const { log, store } = this.#deps;
    const attempts = (head === this.#failed.seq ? this.#failed.attempts : 0) + 1;
    this.#failed = { seq: head, attempts };
    this.#deadline = undefined;
    this.#isBurying = true;
    this.#window.reset();
    try {
      const event = log.at(head);
      if (attempts < this.#options.attemptsMax || event === undefined) {
        await store.write((sql) => saveFailure(sql, this.#row, head, attempts));
      } else {
        const failure = { attempts, reason, now: timestamp(log.clock) };
        await log.transact((sql, emit) => bury(sql, emit, this.#row, event, failure));
        this.#acked = Math.max(this.#acked, head);
      }
    } finally {
      this.#isBurying = false;
      if (!this.#isClosed) this.#feed.rewind(this.#acked);
    }
  }

  async #save(cursor: number): Promise<void> {
    if (cursor <= this.#saved) return;
    await this.#deps.store.write((sql) => saveCursor(sql, this.#row, cursor));
    this.#saved = Math.max(this.#saved, cursor);
  }

  #warn(error: unknown): void {
    const { owner, name } = this.#row;
    this.#deps.logger.warn({ error, owner, name }, "A subscription's position was not stored");
  }
}
