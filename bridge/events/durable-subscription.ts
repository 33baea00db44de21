import { BridgeError, type EventEnvelope } from "@armorclaw/protocol";
import type { Logger } from "../logging/index.ts";
import { type Timer, timestamp } from "../platform/clock.ts";
import type { Store } from "../store/index.ts";
import { audienceOf, bury, type ConsumerRow, saveCursor, saveFailure } from "./consumer-store.ts";
import type { DurableEventLog } from "./durable-log.ts";
import type { EventSelector, EventSink, Subscription } from "./event-log.ts";
import { Feed } from "./feed.ts";
import { Window } from "./window.ts";

export interface DurableOptions {
  /** An event that is not acknowledged within it is pushed again, with all after it. */
  readonly ackDeadlineMs: number;
  /** After this many failed deliveries an event is set aside as a dead letter. */
  readonly attemptsMax: number;
  /** Push no more than this before an ack. */
  readonly unackedMax: number;
  /** A reader that stands still by order is not to blame for what it does not acknowledge. */
  readonly isFrozen?: () => boolean;
}

export interface DurableDeps {
  readonly log: DurableEventLog;
  readonly store: Store;
  readonly logger: Logger;
}

/** At least once and in order: the bridge keeps the position, which moves with each ack. */
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
  /** While a dead letter is written nothing is pushed. */
  #isBurying = false;
  #isClosed = false;
  #ackedAtMs = 0;

  constructor(deps: DurableDeps, row: ConsumerRow, selector: EventSelector, options: DurableOptions, sink: EventSink) {
    this.#deps = deps;
    this.#row = row;
    this.#options = options;
    this.#sink = sink;
    this.cursorReset = deps.log.isReset(row.cursor);
    this.#acked = this.cursorReset ? deps.log.forgotten : row.cursor;
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

  /** Pushed and not acknowledged. */
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
    // It may have been pushed on a connection before this one.
    if (cursor > this.#feed.position) this.#feed.rewind(cursor);
    if (cursor > this.#acked) {
      this.#acked = cursor;
      this.#window.ack(cursor);
      this.#watchHead();
    }
    await this.#save(cursor);
  }

  /** Notes how far it is although nothing of it was for this subscription, so that it is not taken for a gap. */
  async flush(): Promise<void> {
    if (this.#window.head === undefined) this.#acked = Math.max(this.#acked, this.#feed.position);
    await this.#save(this.#acked);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#feed.stop();
    this.#deadline?.timer.cancel();
    // Its reader went away with events in hand. One that makes its readers crash must not do so for ever.
    const ended = this.#window.head === undefined ? this.flush() : this.#fail("Its reader went away");
    ended.catch((error: unknown) => this.#warn(error));
  }

  /** Ends it from this side. */
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

  /** The oldest event failed: it and all after it are pushed again, or it is set aside. */
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
    this.#deps.logger.warn({ error, owner, name }, "a subscription's position was not stored");
  }
}
