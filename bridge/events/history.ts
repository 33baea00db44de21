import type { Clock } from "../platform/clock.ts";
import type { EventPage, EventSelector, Logged, LogPage } from "./event-log.ts";
import { compileSelector, isAlive } from "./selector.ts";

/** The most rows that one page reads. It then returns what it has found, so that a search for a rare event does not hold up the bridge. */
const scanRowsMax = 5_000;

/** What a reader needs of the log. */
interface ReadableLog {
  readonly clock: Clock;
  readonly lastSeq: number;
  isReset(cursor: number): boolean;
  resumeAt(cursor: number): number;
  read(seq: number, limit: number): LogPage;
  readBack(limit: number): readonly Logged[];
}

/** Events after the cursor, oldest first. */
export function readHistory(log: ReadableLog, selector: EventSelector, cursor: number, limit: number): EventPage {
  const matches = compileSelector(selector);
  const cursorReset = log.isReset(cursor);
  const from = log.resumeAt(cursor);
  const { rows, isEnd } = log.read(from, scanRowsMax);
  const now = log.clock.now();
  const events: EventPage["events"][number][] = [];
  let last = from;
  for (const { event, audience } of rows) {
    if (events.length === limit) return { events, cursor: last, cursorReset, hasMore: true };
    if (audience === null && isAlive(event, now) && matches(event)) events.push(event);
    last = event.seq;
  }
  return { events, cursor: isEnd ? log.lastSeq : last, cursorReset, hasMore: !isEnd };
}

/** The newest events, oldest first. The cursor of the page is the end of the log. */
export function readNewest(log: ReadableLog, selector: EventSelector, limit: number): EventPage {
  const matches = compileSelector(selector);
  const now = log.clock.now();
  const events: EventPage["events"][number][] = [];
  for (const { event, audience } of log.readBack(scanRowsMax)) {
    if (events.length === limit) break;
    if (audience === null && isAlive(event, now) && matches(event)) events.push(event);
  }
  return { events: events.reverse(), cursor: log.lastSeq, cursorReset: false, hasMore: false };
}
