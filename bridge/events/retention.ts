import type { Logger } from "../logging/index.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import type { Store } from "../store/index.ts";

export interface RetentionSettings {
  readonly retentionDays: number;
  readonly retentionBytes: number;
  readonly volatileRetentionMinutes: number;
  readonly volatileBytes: number;
}

const minuteMs = 60_000;
const dayMs = 86_400_000;

const everyMs = 30_000;
/** What has become too old or too much while there was no bridge goes soon after its start. */
const firstAfterMs = 1_000;
/** Deleted in one commit, so that others wait no longer than for any other. */
const chunkRows = 2_000;

const oldest =
  "SELECT seq, at_ms, bytes FROM events INDEXED BY events_by_class WHERE is_volatile = ? ORDER BY seq LIMIT ?";
const forget = "DELETE FROM events WHERE is_volatile = ? AND seq <= ?";

/** Forgets events that are too old, or the oldest when there are too many. Volatile ones have bounds of their own. */
export class Retention {
  readonly #deps: { readonly store: Store; readonly clock: Clock; readonly logger: Logger };
  readonly #settings: RetentionSettings;
  /** Stored bytes: durable, volatile. */
  readonly #bytes: [number, number] = [0, 0];
  readonly #listeners: (() => void)[] = [];
  #forgotten = 0;
  #timers: readonly Timer[] = [];

  constructor(deps: { store: Store; clock: Clock; logger: Logger }, settings: RetentionSettings) {
    this.#deps = deps;
    this.#settings = settings;
  }

  get forgotten(): number {
    return this.#forgotten;
  }

  start(): void {
    const { store, clock, logger } = this.#deps;
    store.read((sql) => {
      this.#forgotten = Number(sql.get("SELECT forgotten FROM event_state")?.["forgotten"]);
      for (const row of sql.all("SELECT is_volatile, sum(bytes) AS bytes FROM events GROUP BY is_volatile"))
        this.#bytes[row["is_volatile"] === 1 ? 1 : 0] = Number(row["bytes"]);
    });
    const prune = () => {
      this.prune().catch((error: unknown) => logger.warn({ error }, "old events were not removed"));
    };
    this.#timers = [clock.after(firstAfterMs, prune), clock.every(everyMs, prune)];
  }

  stop(): void {
    for (const timer of this.#timers) timer.cancel();
  }

  added(isVolatile: boolean, bytes: number): void {
    this.#bytes[isVolatile ? 1 : 0] += bytes;
  }

  onBeforeForgetting(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Removes everything that is over a bound. */
  async prune(): Promise<void> {
    const { retentionDays, retentionBytes, volatileRetentionMinutes, volatileBytes } = this.#settings;
    for (const listener of this.#listeners) listener();
    await this.#pruneClass(0, retentionDays * dayMs, retentionBytes);
    await this.#pruneClass(1, volatileRetentionMinutes * minuteMs, volatileBytes);
  }

  async #pruneClass(index: 0 | 1, ageMsMax: number, bytesMax: number): Promise<void> {
    const { store, clock } = this.#deps;
    for (;;) {
      const before = clock.now() - ageMsMax;
      let excess = this.#bytes[index] - bytesMax;
      let upTo = 0;
      let removed = 0;
      const rows = store.read((sql) => sql.all(oldest, index, chunkRows));
      for (const row of rows) {
        if (excess <= 0 && Number(row["at_ms"]) >= before) break;
        upTo = Number(row["seq"]);
        removed += Number(row["bytes"]);
        excess -= Number(row["bytes"]);
      }
      if (removed === 0) return;
      await store.write((sql) => {
        sql.run(forget, index, upTo);
        if (index === 0) sql.run("UPDATE event_state SET forgotten = ?", upTo);
      });
      this.#bytes[index] -= removed;
      if (index === 0) this.#forgotten = upTo;
    }
  }
}
