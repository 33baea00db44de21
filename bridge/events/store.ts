import type { Row, Sql } from "../store/index.ts";

export interface EventState {
  /** The first part of each event's id: it differs from store to store. */
  readonly logId: string;
  /** Durable events up to this `seq` may have been removed. */
  readonly forgotten: number;
  /** Whether a bridge writes the log now, or ended without an orderly stop. */
  readonly isOpen: boolean;
}

/** An event's JSON text, and whom it is for. */
export interface StoredEvent {
  readonly text: string;
  readonly audience: string | null;
}

export interface NewEvent extends StoredEvent {
  readonly seq: number;
  readonly atMs: number;
  readonly bytes: number;
  readonly isVolatile: boolean;
}

export function readState(sql: Sql): EventState {
  const row = sql.get("SELECT log_id, forgotten, is_open FROM event_state");
  return { logId: String(row?.["log_id"]), forgotten: Number(row?.["forgotten"]), isOpen: row?.["is_open"] === 1 };
}

export const saveIsOpen = (sql: Sql, isOpen: boolean) => sql.run("UPDATE event_state SET is_open = ?", isOpen ? 1 : 0);

/** The highest `seq` that may have been given out. */
export const lastReserved = (sql: Sql): number =>
  Number(
    sql.get("SELECT max(reserved, coalesce((SELECT max(seq) FROM events), 0)) AS last FROM event_state")?.["last"],
  );

export const reserveUpTo = (sql: Sql, seq: number) =>
  sql.run("UPDATE event_state SET reserved = max(reserved, ?)", seq);

/** Returns the numbers above `seq`: none of them was used. */
export const saveReserved = (sql: Sql, seq: number) => sql.run("UPDATE event_state SET reserved = ?", seq);

export function insertEvent(sql: Sql, { seq, atMs, bytes, isVolatile, audience, text }: NewEvent): void {
  sql.run(
    "INSERT INTO events (seq, at_ms, bytes, is_volatile, audience, event) VALUES (?, ?, ?, ?, ?, ?)",
    seq,
    atMs,
    bytes,
    isVolatile ? 1 : 0,
    audience,
    text,
  );
}

export const eventsAfter = (sql: Sql, seq: number, limit: number): StoredEvent[] =>
  sql.all("SELECT audience, event FROM events WHERE seq > ? ORDER BY seq LIMIT ?", seq, limit).map(eventFrom);

/** Newest first. */
export const newestEvents = (sql: Sql, limit: number): StoredEvent[] =>
  sql.all("SELECT audience, event FROM events ORDER BY seq DESC LIMIT ?", limit).map(eventFrom);

/** The stored bytes of durable and of volatile events. */
export function storedBytes(sql: Sql): { durable: number; volatile: number } {
  const bytes = { durable: 0, volatile: 0 };
  for (const row of sql.all("SELECT is_volatile, sum(bytes) AS bytes FROM events GROUP BY is_volatile"))
    bytes[row["is_volatile"] === 1 ? "volatile" : "durable"] = Number(row["bytes"]);
  return bytes;
}

export interface EventSize {
  readonly seq: number;
  readonly atMs: number;
  readonly bytes: number;
}

export const oldestSizes = (sql: Sql, isVolatile: boolean, limit: number): EventSize[] =>
  sql
    .all(
      "SELECT seq, at_ms, bytes FROM events INDEXED BY events_by_class WHERE is_volatile = ? ORDER BY seq LIMIT ?",
      isVolatile ? 1 : 0,
      limit,
    )
    .map((row) => ({ seq: Number(row["seq"]), atMs: Number(row["at_ms"]), bytes: Number(row["bytes"]) }));

/** Removes the events of a class up to `seq`. */
export function removeEvents(sql: Sql, isVolatile: boolean, seq: number): void {
  sql.run("DELETE FROM events WHERE is_volatile = ? AND seq <= ?", isVolatile ? 1 : 0, seq);
  if (!isVolatile) sql.run("UPDATE event_state SET forgotten = ?", seq);
}

const eventFrom = (row: Row): StoredEvent => ({
  text: String(row["event"]),
  audience: row["audience"] === null ? null : String(row["audience"]),
});
