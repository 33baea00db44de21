import type { Logger } from "../logging/index.ts";
import type { Store } from "../store/index.ts";

/**
 * Numbers that are reserved in the store before they are used. Volatile events are seen before they are stored, so after a
 * crash their numbers must not be given out again.
 */
const blockSize = 20_000;

const reserve = "UPDATE event_state SET reserved = max(reserved, ?)";

/** The log's `seq`: counts up, across restarts, and never repeats. After a crash it skips what was reserved. */
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
    this.#last = this.#store.read((sql) =>
      Number(
        sql.get("SELECT max(reserved, coalesce((SELECT max(seq) FROM events), 0)) AS last FROM event_state")?.["last"],
      ),
    );
    this.#reserveNow();
  }

  /** For an event that is stored in the running transaction, so that its own row reserves it. */
  nextStored(): number {
    this.#reserveAhead();
    return ++this.#last;
  }

  /** For an event that is seen before it is stored. Not within a transaction. */
  nextSeen(): number {
    if (this.#last >= this.#reserved) this.#reserveNow();
    this.#reserveAhead();
    return ++this.#last;
  }

  /** Gives back what was reserved and not used. */
  stop(): void {
    this.#store.writeNow((sql) => sql.run("UPDATE event_state SET reserved = ?", this.#last));
    this.#reserved = this.#last;
  }

  #reserveNow(): void {
    const upTo = this.#last + blockSize;
    this.#store.writeNow((sql) => sql.run(reserve, upTo));
    this.#reserved = upTo;
  }

  #reserveAhead(): void {
    if (this.#isReserving || this.#reserved - this.#last > blockSize / 2) return;
    this.#isReserving = true;
    const upTo = this.#last + blockSize;
    this.#store
      .write((sql) => sql.run(reserve, upTo))
      .then(
        () => {
          this.#reserved = Math.max(this.#reserved, upTo);
        },
        (error: unknown) => this.#logger.warn({ error }, "event numbers were not reserved"),
      )
      .finally(() => {
        this.#isReserving = false;
      });
  }
}
