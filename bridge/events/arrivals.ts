import type { EventEnvelope } from "@armorclaw/protocol";
import { audienceOf, type ConsumerRow, saveCursor } from "./consumer-store.ts";
import type { DurableDeps } from "./durable-subscription.ts";
import { Feed } from "./feed.ts";

/** The watch over named subscriptions that nobody reads, for the first event that comes for one of them. */
export class Arrivals {
  readonly first: Promise<EventEnvelope>;
  readonly #deps: DurableDeps;
  #hasCome = false;
  readonly #feeds: readonly { readonly row: ConsumerRow; readonly feed: Feed }[];

  /** @param rows each with the place up to which its events were taken */
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
        // What was forgotten was not for it, or it would have come.
        onGap: () => undefined,
      });
      return { row, feed };
    });
    for (const { feed } of this.#feeds) feed.start();
  }

  stop(): void {
    for (const { feed } of this.#feeds) feed.stop();
  }

  /** Notes how far they are although nothing came, so that what is forgotten is not taken for a gap. */
  async flush(): Promise<void> {
    if (this.#hasCome) return;
    await this.#deps.store.write((sql) => {
      for (const { row, feed } of this.#feeds) saveCursor(sql, row, feed.position);
    });
  }
}
