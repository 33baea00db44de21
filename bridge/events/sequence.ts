import type { Logger } from "../logging/index.ts";
import type { Store } from "../store/index.ts";
import { lastReserved, reserveUpTo, saveReserved } from "./store.ts";

/**
 * How many numbers are reserved in the store at a time, before they are used. Volatile events are seen before they are stored,
 * so that their numbers must not be given out again after a crash.
 */
const blockSize = 20_000;

/** Gives out the log's `seq`. It counts up over restarts and never repeats a number; after a crash it skips the reserved ones. */
export class Sequence {
  readonly #store: Store;
  readonly #logger: Logger;
  #last = 0;
  #reserved = 0;
  #isReserving = false;

  constructor(store: Store, logger: Logger) {
    this.#store = store;
    this.#logger = logger;
  }

  get last(): number {
    return this.#last;
  }

  start(): void {
    this.#last = this.#store.read(lastReserved);
    this.#reserveNow();
  }

  /** Numbers an event that the running transaction stores: its own row reserves the number. */
  nextStored(): number {
    this.#reserveAhead();
    return ++this.#last;
  }

  /** Numbers an event that is seen before it is stored. Must not be called within a transaction. */
  nextSeen(): number {
    if (this.#last >= this.#reserved) this.#reserveNow();
    this.#reserveAhead();
    return ++this.#last;
  }

  /** Returns the numbers that were reserved and not used. */
  stop(): void {
    this.#store.writeNow((sql) => saveReserved(sql, this.#last));
    this.#reserved = this.#last;
  }

  #reserveNow(): void {
    const upTo = this.#last + blockSize;
    this.#store.writeNow((sql) => reserveUpTo(sql, upTo));
    this.#reserved = upTo;
  }

  #reserveAhead(): void {
    if (this.#isReserving || this.#reserved - this.#last > blockSize / 2) return;
    this.#isReserving = true;
    const upTo = this.#last + blockSize;
    this.#store
      .write((sql) => reserveUpTo(sql, upTo))
      .then(
        () => {
          this.#reserved = Math.max(this.#reserved, upTo);
        },
        (error: unknown) => this.#logger.warn({ error }, "Event numbers were not reserved"),
      )
      .finally(() => {
        this.#isReserving = false;
      });
  }
}
