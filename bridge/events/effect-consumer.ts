import type { EventEnvelope } from "@armorclaw/protocol";
import type { Service } from "../lifecycle/index.ts";
import { type Timer, timestamp } from "../platform/clock.ts";
import { backOff } from "../platform/retry.ts";
import type { Sql } from "../store/index.ts";
import { audienceOf, bury, findConsumer, insertConsumer, saveCursor, saveFailure } from "./consumer-store.ts";
import type { Emit } from "./durable-log.ts";
import type { DurableDeps } from "./durable-subscription.ts";
import { Feed } from "./feed.ts";
import type { EventSelector } from "./match/selector.ts";

const batchMax = 100;
const attemptsMax = 5;
/** The wait after a failure, by the failures of the same event. */
const retryWaitMs = backOff({ firstMs: 50, maxMs: 800 });

export interface Effect {
  /** Unique among the bridge's own consumers. */
  readonly name: string;
  readonly selector: EventSelector;
  /** Applies the effect in the transaction that moves the cursor past the event. */
  handle(event: EventEnvelope, sql: Sql, emit: Emit): void;
  /** Runs after effects were committed. */
  onCommitted?(): void;
}

/** Handles each event exactly once: its effect and the position past it are committed together, or neither is. */
export class EffectConsumer implements Service {
  readonly name: string;
  readonly #deps: DurableDeps;
  readonly #effect: Effect;
  readonly #key: { readonly owner: "bridge"; readonly name: string };
  #feed: Feed | undefined;
  #batch: EventEnvelope[] = [];
  /** How many events are still handled one at a time, after a failure, to find the event that causes it. */
  #singles = 0;
  #cursor = 0;
  #work: Promise<void> | undefined;
  #retry: Timer | undefined;
  #isStopped = false;

  constructor(deps: DurableDeps, effect: Effect) {
    this.#deps = deps;
    this.#effect = effect;
    this.name = effect.name;
    this.#key = { owner: "bridge", name: effect.name };
  }

  /** A consumer that is new begins with the next event. */
  async start(): Promise<void> {
    const { log, store } = this.#deps;
    const { selector } = this.#effect;
    this.#cursor = store.writeNow((sql) => {
      const known = findConsumer(sql, this.#key);
      if (known === undefined)
        insertConsumer(sql, { ...this.#key, selector, cursor: log.lastSeq, createdAt: timestamp(log.clock) });
      return known?.cursor ?? log.lastSeq;
    });
    this.#feed = new Feed(log, this.#cursor, {
      selector,
      audience: audienceOf(this.#key),
      isLive: false,
      isReady: () => this.#work === undefined && this.#batch.length < (this.#singles > 0 ? 1 : batchMax),
      deliver: (event) => this.#add(event),
      onGap: (gap) =>
        this.#deps.logger.warn({ consumer: this.name, ...gap }, "Events were removed before this consumer read them"),
    });
    this.#feed.start();
    log.onBeforeForgetting(() => {
      this.#flush().catch((error: unknown) => this.#deps.logger.warn({ error }, "A position was not stored"));
    });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#feed?.stop();
    this.#retry?.cancel();
    await this.#work;
    await this.#flush();
  }

  #add(event: EventEnvelope): void {
    this.#batch.push(event);
    if (this.#batch.length > 1) return;
    // Other events that are delivered in this turn share the commit.
    setImmediate(() => {
      if (this.#isStopped) return;
      this.#work = this.#run().catch((error: unknown) => this.#onFailure(error));
    });
  }

  async #run(): Promise<void> {
    const events = this.#batch;
    const last = events.at(-1)?.seq ?? this.#cursor;
    await this.#deps.log.transact((sql, emit) => {
      for (const event of events) this.#effect.handle(event, sql, emit);
      saveCursor(sql, this.#key, last);
    });
    this.#cursor = last;
    this.#singles = Math.max(0, this.#singles - events.length);
    this.#batch = [];
    this.#work = undefined;
    this.#feed?.wake();
    this.#effect.onCommitted?.();
  }

  #tryAgain(): void {
    this.#batch = [];
    this.#work = undefined;
    if (!this.#isStopped) this.#feed?.rewind(this.#cursor);
  }

  /** Stores the position although no event was for this consumer, so that the next start does not read these events again. */
  async #flush(): Promise<void> {
    const position = this.#feed?.position ?? 0;
    if (this.#batch.length > 0 || position <= this.#cursor) return;
    this.#cursor = position;
    await this.#deps.store.write((sql) => saveCursor(sql, this.#key, position));
  }

  /** The batch was rolled back. Retries from the cursor, event by event; an event that keeps failing becomes a dead letter. */
  async #onFailure(error: unknown): Promise<void> {
    const { log, logger } = this.#deps;
    logger.warn({ error, consumer: this.name }, "An event's effect failed");
    const [event] = this.#batch;
    let waitMs = 0;
    if (this.#batch.length > 1) this.#singles = this.#batch.length;
    else if (event !== undefined) {
      waitMs = await this.#noteFailure(event, error instanceof Error ? error.message : String(error)).catch((cause) => {
        logger.error({ error: cause, consumer: this.name }, "The failure of an event could not be stored");
        return retryWaitMs(attemptsMax);
      });
    }
    this.#retry = log.clock.after(waitMs, () => this.#tryAgain());
  }

  /** @returns how long to wait before going on */
  async #noteFailure(event: EventEnvelope, reason: string): Promise<number> {
    const { log, store } = this.#deps;
    const known = store.read((sql) => findConsumer(sql, this.#key));
    const attempts = (known?.failedSeq === event.seq ? known.attempts : 0) + 1;
    if (attempts < attemptsMax) {
      await store.write((sql) => saveFailure(sql, this.#key, event.seq, attempts));
      return retryWaitMs(attempts);
    }
    const failure = { attempts, reason, now: timestamp(log.clock) };
    await log.transact((sql, emit) => bury(sql, emit, this.#key, event, failure));
    this.#cursor = event.seq;
    return 0;
  }
}
