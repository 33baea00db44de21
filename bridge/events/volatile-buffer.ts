import type { Logger } from "../logging/index.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import type { Sql, Store } from "../store/index.ts";
import type { Logged } from "./event-log.ts";

/** A commit is made for volatile events alone after this time, or at this number. */
const delayMsMax = 1_000;
const eventsMax = 256;

export interface VolatileBufferDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Stores one event in the running transaction. */
  readonly insert: (sql: Sql, logged: Logged) => void;
  /** Called once the events are committed. */
  readonly onStored: (stored: readonly Logged[]) => void;
}

/** The volatile events that followers have seen and the store does not hold yet. Another commit of events takes them along. */
export class VolatileBuffer {
  readonly #deps: VolatileBufferDeps;
  #events: Logged[] = [];
  /** The events of the commit that is under way. On a full disk the store runs it again. */
  #committing: Logged[] = [];
  #flushing: Timer | "queued" | undefined;

  constructor(deps: VolatileBufferDeps) {
    this.#deps = deps;
  }

  add(logged: Logged): void {
    this.#events.push(logged);
    if (this.#events.length >= eventsMax) this.flush();
    else this.#flushing ??= this.#deps.clock.after(delayMsMax, () => this.flush());
  }

  /** Stores the events with the next commit. */
  flush(): void {
    if (this.#events.length === 0 || this.#flushing === "queued") return;
    this.#flushing?.cancel();
    this.#flushing = "queued";
    this.#deps.store
      .write((sql) => {
        this.#committing.push(...this.#take());
        for (const logged of this.#committing) this.#deps.insert(sql, logged);
      })
      .then(() => this.#deps.onStored(this.#committing.splice(0)))
      .catch((error: unknown) => {
        this.#take();
        this.#committing = [];
        this.#deps.logger.warn({ error }, "Volatile events were not stored");
      });
  }

  /** The events after `seq`, oldest first. All are newer than what the store holds, since any commit would have stored them. */
  after(seq: number): Logged[] {
    return this.#events.filter(({ event }) => event.seq > seq);
  }

  #take(): Logged[] {
    const events = this.#events;
    this.#events = [];
    this.#flushing = undefined;
    return events;
  }
}
