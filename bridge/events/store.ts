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
  /** The principal whose share of the log the event takes. */
  readonly share: string;
  readonly channel: string;
  readonly type: string;
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

export function insertEvent(sql: Sql, event: NewEvent): void {
  const { seq, atMs, bytes, isVolatile, share, audience, channel, type, text } = event;
  sql.run(
    `INSERT INTO events (seq, at_ms, bytes, is_volatile, share, audience, channel, type, event)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    seq,
    atMs,
    bytes,
    isVolatile ? 1 : 0,
    share,
    audience,
    channel,
    type,
    text,
  );
}

export const eventsAfter = (sql: Sql, seq: number, limit: number): StoredEvent[] =>
  sql.all("SELECT audience, event FROM events WHERE seq > ? ORDER BY seq LIMIT ?", seq, limit).map(eventFrom);

/** The newest events before `seq`, newest first. */
export const eventsBefore = (sql: Sql, seq: number, limit: number): StoredEvent[] =>
  sql.all("SELECT audience, event FROM events WHERE seq < ? ORDER BY seq DESC LIMIT ?", seq, limit).map(eventFrom);

/** The highest `seq` in the store; 0 when it holds no event. */
export const lastStored = (sql: Sql): number => Number(sql.get("SELECT max(seq) AS last FROM events")?.["last"] ?? 0);

/** The first pair of a channel and a type after the given one, in the order of their names. */
export function nextKind(sql: Sql, after: { channel: string; type: string }) {
  const row = sql.get(
    `SELECT channel, type FROM events INDEXED BY events_by_kind WHERE (channel, type) > (?, ?)
     ORDER BY channel, type LIMIT 1`,
    after.channel,
    after.type,
  );
  return row === undefined ? undefined : { channel: String(row["channel"]), type: String(row["type"]) };
}

/** The numbers of events of one channel and type after `seq`, or before it when the newest come first. */
export const seqsOfKind = (
  sql: Sql,
  { channel, type }: { readonly channel: string; readonly type: string },
  seq: number,
  isNewestFirst: boolean,
  limit: number,
): number[] =>
  sql
    .all(
      `SELECT seq FROM events INDEXED BY events_by_kind WHERE channel = ? AND type = ? AND seq ${isNewestFirst ? "<" : ">"} ?
       ORDER BY seq ${isNewestFirst ? "DESC" : "ASC"} LIMIT ?`,
      channel,
      type,
      seq,
      limit,
    )
    .map((row) => Number(row["seq"]));

/** The stored bytes of each share, of durable and of volatile events. */
export const storedBytes = (
  sql: Sql,
): { readonly isVolatile: boolean; readonly share: string; readonly bytes: number }[] =>
  sql
    .all(
      "SELECT is_volatile, share, sum(bytes) AS bytes FROM events INDEXED BY events_by_share GROUP BY is_volatile, share",
    )
    .map((row) => ({ isVolatile: row["is_volatile"] === 1, share: String(row["share"]), bytes: Number(row["bytes"]) }));

export interface EventSize {
  readonly seq: number;
  readonly atMs: number;
  readonly bytes: number;
  readonly share: string;
}

export const oldestSizes = (sql: Sql, isVolatile: boolean, limit: number): EventSize[] =>
  sql
    .all(
      "SELECT seq, at_ms, bytes, share FROM events INDEXED BY events_by_class WHERE is_volatile = ? ORDER BY seq LIMIT ?",
      isVolatile ? 1 : 0,
      limit,
    )
    .map(sizeFrom);

/** The oldest events of a share after `seq`. */
export const sizesOfShare = (sql: Sql, isVolatile: boolean, share: string, seq: number, limit: number): EventSize[] =>
  sql
    .all(
      `SELECT seq, at_ms, bytes, share FROM events INDEXED BY events_by_share
       WHERE is_volatile = ? AND share = ? AND seq > ? ORDER BY seq LIMIT ?`,
      isVolatile ? 1 : 0,
      share,
      seq,
      limit,
    )
    .map(sizeFrom);

export function findEvent(sql: Sql, seq: number): StoredEvent | undefined {
  const row = sql.get("SELECT audience, event FROM events WHERE seq = ?", seq);
  return row === undefined ? undefined : eventFrom(row);
}

/** Removes the events; the last of `seqs` is the newest. */
export function removeEvents(sql: Sql, isVolatile: boolean, seqs: readonly number[]): void {
  const list = JSON.stringify(seqs);
  sql.run("DELETE FROM events WHERE seq IN (SELECT value FROM json_each(?))", list);
  sql.run("DELETE FROM event_inboxes WHERE seq IN (SELECT value FROM json_each(?))", list);
  if (!isVolatile) sql.run("UPDATE event_state SET forgotten = max(forgotten, ?)", seqs.at(-1) ?? 0);
}

const sizeFrom = (row: Row): EventSize => ({
  seq: Number(row["seq"]),
  atMs: Number(row["at_ms"]),
  bytes: Number(row["bytes"]),
  share: String(row["share"]),
});

const eventFrom = (row: Row): StoredEvent => ({
  text: String(row["event"]),
  audience: row["audience"] === null ? null : String(row["audience"]),
});
