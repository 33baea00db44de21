import type { EventEnvelope } from "@armorclaw/protocol";
import { audienceOf, type ConsumerRow, saveCursor } from "./consumer-store.ts";
import type { DurableDeps } from "./durable-subscription.ts";
import { Feed } from "./feed.ts";

/** Watches named subscriptions that have no reader, for the first event for one of them. */
export class Arrivals {
  readonly first: Promise<EventEnvelope>;
  readonly #deps: DurableDeps;
  #hasCome = false;
  readonly #feeds: readonly { readonly row: ConsumerRow; readonly feed: Feed }[];

  /** @param rows the subscriptions, each with its cursor */
  constructor(deps: DurableDeps, rows: readonly ConsumerRow[]) {
    this.#deps = deps;
    const arrived = Promise.withResolvers<EventEnvelope>();
    this.first = arrived.promise;
    this.#feeds = rows.map((row) => {
      const feed = new Feed(deps.log, row.cursor, {
        selector: row.selector,
        audience: audienceOf(row),
        isLive: false,
        isReady: () => true,
        deliver: (event) => {
          this.#hasCome = true;
          this.stop();
          arrived.resolve(event);
        },
        // The removed events matched none of the subscriptions, or one of them would have arrived.
        onGap: () => undefined,
      });
      return { row, feed };
    });
    for (const { feed } of this.#feeds) feed.start();
  }

  stop(): void {
    for (const { feed } of this.#feeds) feed.stop();
  }

  /** Stores the positions although no event arrived: events that are removed later then make no gap. */
  async flush(): Promise<void> {
    if (this.#hasCome) return;
    await this.#deps.store.write((sql) => {
      for (const { row, feed } of this.#feeds) saveCursor(sql, row, feed.position);
    });
  }
}
