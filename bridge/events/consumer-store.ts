import type { EventEnvelope } from "@armorclaw/protocol";
import type { Row, Sql } from "../store/index.ts";
import { contractEvent } from "./contract-event.ts";
import type { Emit } from "./durable-log.ts";
import type { EventSelector } from "./match/selector.ts";

/** Identifies a named subscription. Each owner has names of its own. */
export interface ConsumerKey {
  /** The principal that reads, e.g. `user:1000`; `bridge` for the bridge's own. */
  readonly owner: string;
  readonly name: string;
}

export interface ConsumerRow extends ConsumerKey {
  readonly selector: EventSelector;
  readonly cursor: number;
  /** The event that failed last, and below how often it failed. */
  readonly failedSeq: number;
  readonly attempts: number;
  /** The newest event that was for it and was removed unread. */
  readonly lost: number;
  readonly createdAt: string;
}

export interface DeadLetter extends ConsumerKey {
  readonly id: number;
  readonly attempts: number;
  readonly reason: string;
  readonly diedAt: string;
  readonly event: EventEnvelope;
}

export const audienceOf = ({ owner, name }: ConsumerKey): string => `${owner}/${name}`;

const columns = "owner, name, selector, cursor, failed_seq, attempts, lost, created_at";

export function findConsumer(sql: Sql, { owner, name }: ConsumerKey): ConsumerRow | undefined {
  const row = sql.get(`SELECT ${columns} FROM event_consumers WHERE owner = ? AND name = ?`, owner, name);
  return row === undefined ? undefined : consumerFrom(row);
}

export const listConsumers = (sql: Sql): ConsumerRow[] =>
  sql.all(`SELECT ${columns} FROM event_consumers ORDER BY owner, name`).map(consumerFrom);

export function insertConsumer(sql: Sql, row: Omit<ConsumerRow, "failedSeq" | "attempts" | "lost">): void {
  const { owner, name, selector, cursor, createdAt } = row;
  const text = JSON.stringify(selector);
  sql.run(
    "INSERT INTO event_consumers (owner, name, selector, cursor, created_at) VALUES (?, ?, ?, ?, ?)",
    owner,
    name,
    text,
    cursor,
    createdAt,
  );
}

export function saveSelector(sql: Sql, { owner, name }: ConsumerKey, selector: EventSelector): void {
  const text = JSON.stringify(selector);
  sql.run("UPDATE event_consumers SET selector = ? WHERE owner = ? AND name = ?", text, owner, name);
}

/** Moves the cursor, which never goes back. */
export function saveCursor(sql: Sql, { owner, name }: ConsumerKey, cursor: number): void {
  sql.run("UPDATE event_consumers SET cursor = max(cursor, ?) WHERE owner = ? AND name = ?", cursor, owner, name);
}

export function saveFailure(sql: Sql, { owner, name }: ConsumerKey, seq: number, attempts: number): void {
  sql.run(
    "UPDATE event_consumers SET failed_seq = ?, attempts = ? WHERE owner = ? AND name = ?",
    seq,
    attempts,
    owner,
    name,
  );
}

/** Notes that an event which was for it was removed unread. */
export const saveLost = (sql: Sql, { owner, name }: ConsumerKey, seq: number) =>
  sql.run("UPDATE event_consumers SET lost = max(lost, ?) WHERE owner = ? AND name = ?", seq, owner, name);

/** The dead letters of one owner that are kept: so many, with so many bytes, for so long. The oldest of its largest subscription goes first. */
const lettersMax = 500;
const letterBytesMax = 32 * 1024 * 1024;
const letterDaysMax = 30;
const dayMs = 86_400_000;

/** Stores the event as a dead letter for a person to decide on, publishes `event.dead_lettered`, and moves the consumer past it. */
export function bury(
  sql: Sql,
  emit: Emit,
  consumer: ConsumerKey,
  event: EventEnvelope,
  failure: { readonly attempts: number; readonly reason: string; readonly now: string },
): void {
  const { owner, name } = consumer;
  const { attempts, reason, now } = failure;
  const text = JSON.stringify(event);
  const { lastId } = sql.run(
    "INSERT INTO event_dead_letters (owner, name, seq, attempts, reason, died_at, bytes, event) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    owner,
    name,
    event.seq,
    attempts,
    reason,
    now,
    Buffer.byteLength(text),
    text,
  );
  keepWithinBounds(sql, owner, now);
  saveCursor(sql, consumer, event.seq);
  const data = { dead_letter_id: lastId, owner, name, event_id: event.id, event_type: event.type, attempts, reason };
  emit({ ...contractEvent("event.dead_lettered", "bridge", data), share: owner });
}

/** Removes what an owner has too much of, or for too long. */
function keepWithinBounds(sql: Sql, owner: string, now: string): void {
  const before = new Date(Date.parse(now) - letterDaysMax * dayMs).toISOString();
  sql.run("DELETE FROM event_dead_letters WHERE owner = ? AND died_at < ?", owner, before);
  for (;;) {
    const held = sql
      .all(
        "SELECT name, count(*) AS letters, sum(bytes) AS bytes, min(id) AS oldest FROM event_dead_letters WHERE owner = ? GROUP BY name",
        owner,
      )
      .map((row) => ({ letters: Number(row["letters"]), bytes: Number(row["bytes"]), oldest: Number(row["oldest"]) }));
    const letters = held.reduce((sum, one) => sum + one.letters, 0);
    const bytes = held.reduce((sum, one) => sum + one.bytes, 0);
    if (letters <= lettersMax && bytes <= letterBytesMax) return;
    const by = letters > lettersMax ? "letters" : "bytes";
    const [largest] = held.toSorted((a, b) => b[by] - a[by]);
    if (largest === undefined || !deleteDeadLetter(sql, largest.oldest)) return;
  }
}

export function deleteConsumer(sql: Sql, { owner, name }: ConsumerKey): boolean {
  sql.run("DELETE FROM event_dead_letters WHERE owner = ? AND name = ?", owner, name);
  return sql.run("DELETE FROM event_consumers WHERE owner = ? AND name = ?", owner, name).changes > 0;
}

export const findDeadLetter = (sql: Sql, id: number): DeadLetter | undefined => {
  const row = sql.get("SELECT * FROM event_dead_letters WHERE id = ?", id);
  return row === undefined ? undefined : deadLetterFrom(row);
};

export const listDeadLetters = (sql: Sql, afterId: number, limit: number): DeadLetter[] =>
  sql.all("SELECT * FROM event_dead_letters WHERE id > ? ORDER BY id LIMIT ?", afterId, limit).map(deadLetterFrom);

export const deleteDeadLetter = (sql: Sql, id: number): boolean =>
  sql.run("DELETE FROM event_dead_letters WHERE id = ?", id).changes > 0;

const consumerFrom = (row: Row): ConsumerRow => ({
  owner: String(row["owner"]),
  name: String(row["name"]),
  selector: JSON.parse(String(row["selector"])) as EventSelector,
  cursor: Number(row["cursor"]),
  failedSeq: Number(row["failed_seq"]),
  attempts: Number(row["attempts"]),
  lost: Number(row["lost"]),
  createdAt: String(row["created_at"]),
});

const deadLetterFrom = (row: Row): DeadLetter => ({
  id: Number(row["id"]),
  owner: String(row["owner"]),
  name: String(row["name"]),
  attempts: Number(row["attempts"]),
  reason: String(row["reason"]),
  diedAt: String(row["died_at"]),
  event: JSON.parse(String(row["event"])) as EventEnvelope,
});
