import type { Logger } from "../logging/index.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import type { Store } from "../store/index.ts";
import { oldestSizes, readState, removeEvents, storedBytes } from "./store.ts";

export interface RetentionSettings {
  readonly retentionDays: number;
  readonly retentionBytes: number;
  readonly volatileRetentionMinutes: number;
  readonly volatileBytes: number;
}

const minuteMs = 60_000;
const dayMs = 86_400_000;

const everyMs = 30_000;
/** Events that went over a bound while no bridge ran are removed soon after its start. */
const firstAfterMs = 1_000;
/** How many events one commit removes, so that other writes do not wait longer for it than for any other. */
const chunkRows = 2_000;

/** Removes events that are too old, and the oldest ones when they take too many bytes. Volatile events have bounds of their own. */
export class Retention {
  readonly #deps: { readonly store: Store; readonly clock: Clock; readonly logger: Logger };
  readonly #settings: RetentionSettings;
  /** The stored bytes of each class. */
  #bytes: { durable: number; volatile: number } = { durable: 0, volatile: 0 };
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
    this.#forgotten = store.read(readState).forgotten;
    this.#bytes = store.read(storedBytes);
    const prune = () => {
      this.prune().catch((error: unknown) => logger.warn({ error }, "Old events were not removed"));
    };
    this.#timers = [clock.after(firstAfterMs, prune), clock.every(everyMs, prune)];
  }

  stop(): void {
    for (const timer of this.#timers) timer.cancel();
  }

  /** Counts an event that was stored. */
  added(isVolatile: boolean, bytes: number): void {
    this.#bytes[isVolatile ? "volatile" : "durable"] += bytes;
  }

  onBeforeForgetting(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Removes every event that is over a bound. */
  async prune(): Promise<void> {
    const { retentionDays, retentionBytes, volatileRetentionMinutes, volatileBytes } = this.#settings;
    for (const listener of this.#listeners) listener();
    await this.#pruneClass("durable", retentionDays * dayMs, retentionBytes);
    await this.#pruneClass("volatile", volatileRetentionMinutes * minuteMs, volatileBytes);
  }

  async #pruneClass(kind: "durable" | "volatile", ageMsMax: number, bytesMax: number): Promise<void> {
    const { store, clock } = this.#deps;
    const isVolatile = kind === "volatile";
    for (;;) {
      const before = clock.now() - ageMsMax;
      let excess = this.#bytes[kind] - bytesMax;
      let upTo = 0;
      let removed = 0;
      for (const { seq, atMs, bytes } of store.read((sql) => oldestSizes(sql, isVolatile, chunkRows))) {
        if (excess <= 0 && atMs >= before) break;
        upTo = seq;
        removed += bytes;
        excess -= bytes;
      }
      if (removed === 0) return;
      await store.write((sql) => removeEvents(sql, isVolatile, upTo));
      this.#bytes[kind] -= removed;
      if (!isVolatile) this.#forgotten = upTo;
    }
  }
}
