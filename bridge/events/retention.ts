import type { EventEnvelope } from "@armorclaw/protocol";
import type { Logger } from "../logging/index.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import type { Sql, Store } from "../store/index.ts";
import type { Logged } from "./event-log.ts";
import { type EventSize, findEvent, oldestSizes, readState, removeEvents, sizesOfShare, storedBytes } from "./store.ts";

export interface RetentionSettings {
  readonly retentionDays: number;
  readonly retentionBytes: number;
  readonly volatileRetentionMinutes: number;
  readonly volatileBytes: number;
}

/** Somebody who reads the log in order, and has read it up to `position`. */
export interface LogReader {
  readonly position: number;
  /** Whether what it has not read is kept for it, within a bound for each publisher. */
  readonly isNamed: boolean;
  wants(logged: Logged): boolean;
  /** An event that it wants is removed before it has read it. */
  lose(sql: Sql, seq: number): void;
}

type EventClass = "durable" | "volatile";

const minuteMs = 60_000;
const dayMs = 86_400_000;

const everyMs = 30_000;
/** Events that went over a bound while no bridge ran are removed soon after its start. */
const firstAfterMs = 1_000;
/** How much one commit looks at, so that other writes do not wait longer for it than for any other. */
const chunkRows = 2_000;
const chunkBytes = 4 * 1024 * 1024;
/** Of each publisher this part of the bound is kept for named subscriptions that have not read it. */
const unreadPart = 1 / 16;

/**
 * Removes events that are too old. When all take too many bytes together, the principal that takes the most loses its oldest ones, so
 * that nobody's events go because somebody else is loud. Volatile events have bounds of their own.
 */
export class Retention {
  readonly #deps: { readonly store: Store; readonly clock: Clock; readonly logger: Logger };
  readonly #settings: RetentionSettings;
  /** The stored bytes of each share. */
  readonly #bytes: Readonly<Record<EventClass, Map<string, number>>> = { durable: new Map(), volatile: new Map() };
  readonly #listeners: (() => void)[] = [];
  readonly #readers: ((sql: Sql) => readonly LogReader[])[] = [];
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
    for (const { isVolatile, share, bytes } of store.read(storedBytes)) this.added(isVolatile, share, bytes);
    const prune = () => {
      this.prune().catch((error: unknown) => logger.warn({ error }, "Old events were not removed"));
    };
    this.#timers = [clock.after(firstAfterMs, prune), clock.every(everyMs, prune)];
  }

  stop(): void {
    for (const timer of this.#timers) timer.cancel();
  }

  /** Counts an event that was stored. */
  added(isVolatile: boolean, share: string, bytes: number): void {
    const shares = this.#bytes[isVolatile ? "volatile" : "durable"];
    shares.set(share, (shares.get(share) ?? 0) + bytes);
  }

  onBeforeForgetting(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Adds those who read the log, as they stand in the transaction that removes events. */
  addReaders(readers: (sql: Sql) => readonly LogReader[]): void {
    this.#readers.push(readers);
  }

  /** Removes every event that is over a bound. */
  async prune(): Promise<void> {
    const { retentionDays, retentionBytes, volatileRetentionMinutes, volatileBytes } = this.#settings;
    for (const listener of this.#listeners) listener();
    await this.#removeOld("durable", retentionDays * dayMs);
    await this.#removeExcess("durable", retentionBytes);
    await this.#removeOld("volatile", volatileRetentionMinutes * minuteMs);
    await this.#removeExcess("volatile", volatileBytes);
  }

  async #removeOld(kind: EventClass, ageMsMax: number): Promise<void> {
    const { store, clock } = this.#deps;
    for (;;) {
      const removed = await store.write((sql) => {
        const before = clock.now() - ageMsMax;
        const sizes = firstBytes(oldestSizes(sql, kind === "volatile", chunkRows));
        const old = sizes.filter(({ atMs }) => atMs < before);
        this.#remove(sql, kind, old);
        return old;
      });
      if (removed.length === 0) return;
      this.#count(kind, removed);
    }
  }

  async #removeExcess(kind: EventClass, bytesMax: number): Promise<void> {
    const walks = new Map<string, Walk>();
    for (;;) {
      const excess = sum(this.#bytes[kind].values()) - bytesMax;
      const share = this.#loudest(kind, walks);
      if (excess <= 0 || share === undefined) return;
      const walk = walks.get(share) ?? { seq: 0, keptBytes: 0, isDone: false };
      walks.set(share, walk);
      const removed = await this.#deps.store.write((sql) => this.#removeOldestOf(sql, kind, share, excess, walk));
      this.#count(kind, removed);
    }
  }

  /** The share that takes the most, of those that have something left to remove. */
  #loudest(kind: EventClass, walks: ReadonlyMap<string, Walk>): string | undefined {
    let loudest: string | undefined;
    let most = 0;
    for (const [share, bytes] of this.#bytes[kind]) {
      if (bytes <= most || walks.get(share)?.isDone === true) continue;
      loudest = share;
      most = bytes;
    }
    return loudest;
  }

  #removeOldestOf(sql: Sql, kind: EventClass, share: string, excess: number, walk: Walk): EventSize[] {
    const named = kind === "volatile" ? [] : this.#readersOf(sql).filter(({ isNamed }) => isNamed);
    const keptMax = this.#settings.retentionBytes * unreadPart;
    const sizes = firstBytes(sizesOfShare(sql, kind === "volatile", share, walk.seq, chunkRows));
    walk.isDone = sizes.length === 0;
    const removed: EventSize[] = [];
    let left = excess;
    for (const size of sizes) {
      if (left <= 0) break;
      walk.seq = size.seq;
      if (walk.keptBytes + size.bytes <= keptMax && thoseWhoMiss(sql, named, size.seq).length > 0) {
        walk.keptBytes += size.bytes;
        continue;
      }
      removed.push(size);
      left -= size.bytes;
    }
    this.#remove(sql, kind, removed);
    return removed;
  }

  #remove(sql: Sql, kind: EventClass, sizes: readonly EventSize[]): void {
    if (sizes.length === 0) return;
    const readers = kind === "volatile" ? [] : this.#readersOf(sql);
    for (const { seq } of sizes) for (const reader of thoseWhoMiss(sql, readers, seq)) reader.lose(sql, seq);
    removeEvents(
      sql,
      kind === "volatile",
      sizes.map(({ seq }) => seq),
    );
  }

  #readersOf(sql: Sql): LogReader[] {
    return this.#readers.flatMap((readers) => readers(sql));
  }

  #count(kind: EventClass, removed: readonly EventSize[]): void {
    const shares = this.#bytes[kind];
    for (const { share, bytes } of removed) {
      const left = (shares.get(share) ?? 0) - bytes;
      if (left > 0) shares.set(share, left);
      else shares.delete(share);
    }
    if (kind === "durable") this.#forgotten = Math.max(this.#forgotten, removed.at(-1)?.seq ?? 0);
  }
}

/** How far one share was looked at in this run, and what of it was kept for named subscriptions. */
interface Walk {
  seq: number;
  keptBytes: number;
  isDone: boolean;
}

/** As many of the events as one commit looks at; at least one. */
function firstBytes(sizes: readonly EventSize[]): EventSize[] {
  let left = chunkBytes;
  const after = sizes.findIndex(({ bytes }) => {
    left -= bytes;
    return left <= 0;
  });
  return sizes.slice(0, after === -1 ? sizes.length : after + 1);
}

/** The readers that want the event and have not read it. The event is read only when somebody may want it. */
function thoseWhoMiss(sql: Sql, readers: readonly LogReader[], seq: number): LogReader[] {
  const behind = readers.filter(({ position }) => position < seq);
  const stored = behind.length === 0 ? undefined : findEvent(sql, seq);
  if (stored === undefined) return [];
  const logged = { event: JSON.parse(stored.text) as EventEnvelope, audience: stored.audience };
  return behind.filter((reader) => reader.wants(logged));
}

function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
