import { setImmediate as nextTurn } from "node:timers/promises";
import type { EventEnvelope } from "@armorclaw/protocol";
import type { Clock } from "../platform/clock.ts";
import type { Sql } from "../store/index.ts";
import { KindMerge, matchingKinds } from "./channel-index.ts";
import type { EventPage, Logged, LogPage } from "./event-log.ts";
import { compileSelector, type EventSelector, isAlive } from "./match/selector.ts";

/** Rows that are read at once. Other work of the bridge runs between two of them. */
const rowsPerTurn = 250;
/** After so many rows in the log's order, the index of channels is asked whether the events are rare. */
const rowsInOrderMax = 500;
/** The most rows of a page that is read at once. */
const rowsOfPageMax = 5_000;
/** The most rows that one call looks at. It then returns what it has found and where to go on. */
const rowsPerCallMax = 20_000;

/** What a reader needs of the log. */
export interface ReadableLog {
  readonly clock: Clock;
  readonly lastSeq: number;
  /** The highest number that the store holds. */
  readonly lastStored: number;
  isReset(cursor: number): boolean;
  resumeAt(cursor: number): number;
  scan(seq: number, limit: number): LogPage;
  /** Newest first, of those before `seq`. */
  scanBack(seq: number, limit: number): readonly Logged[];
  /** In the order of `seqs`; those that were removed meanwhile are left out. */
  scanAt(seqs: readonly number[]): readonly Logged[];
  readonly readSql: <T>(work: (sql: Sql) => T) => T;
}

/** Collects what matches, up to a limit. */
class Found {
  readonly events: EventEnvelope[] = [];
  looked = 0;
  readonly #isWanted: (logged: Logged) => boolean;
  readonly #limit: number;

  constructor(log: ReadableLog, selector: EventSelector, limit: number) {
    const matches = compileSelector(selector);
    const now = log.clock.now();
    this.#isWanted = ({ event, audience }) => audience === null && isAlive(event, now) && matches(event);
    this.#limit = limit;
  }

  get isFull(): boolean {
    return this.events.length === this.#limit;
  }

  /** A page large enough for what is missing, and no larger. */
  get pageRows(): number {
    return Math.max(16, Math.min(rowsPerTurn, this.#limit - this.events.length + 1));
  }

  get isSpent(): boolean {
    return this.looked >= rowsPerCallMax;
  }

  /** @returns false when the event was not looked at, since the limit is reached */
  take(logged: Logged): boolean {
    if (this.isFull) return false;
    this.looked += 1;
    if (this.#isWanted(logged)) this.events.push(logged.event);
    return true;
  }
}

/** Events after the cursor, oldest first, of the next rows in the log's order. */
export function readHistory(log: ReadableLog, selector: EventSelector, cursor: number, limit: number): EventPage {
  const found = new Found(log, selector, limit);
  const { at, isEnd } = readOn(log, found, log.resumeAt(cursor), rowsOfPageMax);
  return pageOf(log, found, cursor, at, isEnd);
}

/** Events after the cursor, oldest first. Rare ones are found by the index of channels. */
export async function searchHistory(
  log: ReadableLog,
  selector: EventSelector,
  cursor: number,
  limit: number,
): Promise<EventPage> {
  const found = new Found(log, selector, limit);
  let { at, isEnd } = readOn(log, found, log.resumeAt(cursor), rowsInOrderMax);
  if (!isEnd && !found.isFull) {
    // What is published after this moment has a higher number, and is read in the log's order.
    const indexedEnd = log.lastStored;
    const kinds = await kindsOf(log, selector);
    if (kinds !== undefined) at = await readKinds(log, found, kinds, at, indexedEnd);
  }
  while (!isEnd && !found.isFull && !found.isSpent) {
    await nextTurn();
    ({ at, isEnd } = readOn(log, found, at, rowsPerTurn));
  }
  return pageOf(log, found, cursor, at, isEnd);
}

/**
 * The newest events before `before` (those of the whole log when it is left out), oldest first. `cursor` is the end of the log, where what
 * happens next begins, and `before` is where the page before this one ends.
 */
export async function readNewest(
  log: ReadableLog,
  selector: EventSelector,
  limit: number,
  before = Number.MAX_SAFE_INTEGER,
): Promise<EventPage & { readonly before: number }> {
  const found = new Found(log, selector, limit);
  const cursor = log.lastSeq;
  let at = before;
  let hasMore = true;
  let isIndexTried = false;
  for (let turn = 0; hasMore && !found.isFull && !found.isSpent; turn++) {
    if (turn > 0) await nextTurn();
    const rows = log.scanBack(at, found.pageRows);
    hasMore = rows.length > 0;
    for (const logged of rows) if (found.take(logged)) at = logged.event.seq;
    if (found.looked < rowsInOrderMax || found.isFull || isIndexTried) continue;
    isIndexTried = true;
    const kinds = await kindsOf(log, selector);
    if (kinds !== undefined) at = await readKinds(log, found, kinds, at, undefined);
    hasMore = at > 0;
  }
  return { events: found.events.reverse(), cursor, cursorReset: false, hasMore, before: at };
}

/** Reads on in the log's order. @returns the last number that was looked at, and whether that is the end of the log */
function readOn(log: ReadableLog, found: Found, from: number, rowsMax: number): { at: number; isEnd: boolean } {
  let at = from;
  const end = found.looked + rowsMax;
  while (found.looked < end) {
    const { rows, isEnd } = log.scan(at, found.pageRows);
    for (const logged of rows) {
      if (!found.take(logged)) return { at, isEnd: false };
      at = logged.event.seq;
    }
    if (isEnd) return { at: log.lastSeq, isEnd: true };
  }
  return { at, isEnd: false };
}

async function kindsOf(log: ReadableLog, selector: EventSelector) {
  const kinds = matchingKinds(log.readSql, selector);
  for (;;) {
    const { done, value } = kinds.next();
    if (done === true) return value;
    await nextTurn();
  }
}

/**
 * Reads the events of these kinds only: forwards up to the number `end`, or backwards when there is none.
 * @returns the last number that was looked at; when all were, the end (0 when it reads backwards)
 */
async function readKinds(
  log: ReadableLog,
  found: Found,
  kinds: NonNullable<Awaited<ReturnType<typeof kindsOf>>>,
  from: number,
  end: number | undefined,
): Promise<number> {
  const merge = new KindMerge(log.readSql, kinds, from, { isNewestFirst: end === undefined });
  let at = from;
  while (!found.isFull && !found.isSpent) {
    const asked = found.pageRows;
    const seqs = merge.next(asked).filter((seq) => end === undefined || seq <= end);
    for (const logged of log.scanAt(seqs)) {
      if (!found.take(logged)) return at;
      at = logged.event.seq;
    }
    if (seqs.length < asked) return end ?? 0;
    await nextTurn();
  }
  return at;
}

function pageOf(log: ReadableLog, found: Found, cursor: number, at: number, isEnd: boolean): EventPage {
  return { events: found.events, cursor: at, cursorReset: log.isReset(cursor), hasMore: !isEnd };
}
