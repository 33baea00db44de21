import type { Row, Sql } from "../store/index.ts";
import type { OutboundMessage, QueuedMessage } from "./destination.ts";

export type MessageState = "queued" | "sent" | "dead";

export interface OutboxRow extends QueuedMessage {
  readonly transactionId: string;
  readonly state: MessageState;
  readonly nextAtMs: number;
  readonly settledAtMs: number | null;
  readonly isLate: boolean;
  readonly lastError: string | null;
  readonly receipt: string | null;
}

/** A lane whose oldest message waits until `nextAtMs`. */
export interface DueLane {
  readonly destination: string;
  readonly lane: string;
  readonly nextAtMs: number;
}

const headOf = "SELECT * FROM outbox WHERE destination = ? AND lane = ? AND state = 'queued' ORDER BY id LIMIT 1";
const heads = `SELECT destination, lane, next_at_ms FROM outbox WHERE id IN
  (SELECT min(id) FROM outbox WHERE state = 'queued' GROUP BY destination, lane)`;

/** @returns its id, or undefined when a message with its key was queued before */
export function insertMessage(
  sql: Sql,
  { destination, lane, dedupeKey, body, share }: OutboundMessage,
  transactionId: string,
  nowMs: number,
): number | undefined {
  const { changes, lastId } = sql.run(
    `INSERT INTO outbox (destination, lane, dedupe_key, transaction_id, body, state, next_at_ms, created_at_ms, share)
     VALUES (?, ?, ?, ?, ?, 'queued', ?, ?, ?) ON CONFLICT (destination, dedupe_key) DO NOTHING`,
    destination,
    lane,
    dedupeKey,
    transactionId,
    JSON.stringify(body),
    nowMs,
    nowMs,
    share ?? null,
  );
  return changes === 0 ? undefined : lastId;
}

export function findSent(sql: Sql, destination: string, receipt: string): OutboxRow | undefined {
  const row = sql.get("SELECT * FROM outbox WHERE destination = ? AND receipt = ?", destination, receipt);
  return row === undefined ? undefined : fromRow(row);
}

export const countQueued = (sql: Sql, destination: string): number =>
  Number(
    sql.get("SELECT count(*) AS n FROM outbox WHERE destination = ? AND state = 'queued'", destination)?.["n"] ?? 0,
  );

/** What of a share waits, in all destinations. */
export function queuedOf(sql: Sql, share: string): { readonly messages: number; readonly bytes: number } {
  const row = sql.get(
    "SELECT count(*) AS messages, total(length(body)) AS bytes FROM outbox WHERE share = ? AND state = 'queued'",
    share,
  );
  return { messages: Number(row?.["messages"]), bytes: Number(row?.["bytes"]) };
}

/** Removes the oldest dead messages of the share beyond so many. */
export const keepNewestDead = (sql: Sql, share: string, kept: number) =>
  sql.run(
    `DELETE FROM outbox WHERE share = ? AND state = 'dead' AND id <=
      (SELECT id FROM outbox WHERE share = ? AND state = 'dead' ORDER BY id DESC LIMIT 1 OFFSET ?)`,
    share,
    share,
    kept,
  );

export const removeDeadBefore = (sql: Sql, ms: number): number =>
  sql.run("DELETE FROM outbox WHERE state = 'dead' AND settled_at_ms < ?", ms).changes;

export function head(sql: Sql, destination: string, lane: string): OutboxRow | undefined {
  const row = sql.get(headOf, destination, lane);
  return row === undefined ? undefined : fromRow(row);
}

export function findMessage(sql: Sql, destination: string, dedupeKey: string): OutboxRow | undefined {
  const row = sql.get("SELECT * FROM outbox WHERE destination = ? AND dedupe_key = ?", destination, dedupeKey);
  return row === undefined ? undefined : fromRow(row);
}

export const dueLanes = (sql: Sql): DueLane[] =>
  sql.all(heads).map((row) => ({
    destination: String(row["destination"]),
    lane: String(row["lane"]),
    nextAtMs: Number(row["next_at_ms"]),
  }));

export function markSent(sql: Sql, id: number, receipt: string | undefined, nowMs: number): boolean {
  const statement = `UPDATE outbox SET state = 'sent', attempts = attempts + 1, settled_at_ms = ?, receipt = ?,
    last_error = NULL WHERE id = ? AND state = 'queued'`;
  return sql.run(statement, nowMs, receipt ?? null, id).changes > 0;
}

/** Why a delivery failed, and how many attempts it counts for: one or none. */
export interface Failure {
  readonly error: string;
  readonly made: number;
}

export function markDead(sql: Sql, id: number, { error, made }: Failure, nowMs: number): boolean {
  const statement = `UPDATE outbox SET state = 'dead', attempts = attempts + ?, settled_at_ms = ?, last_error = ?
    WHERE id = ? AND state = 'queued'`;
  return sql.run(statement, made, nowMs, error, id).changes > 0;
}

/** How the lane of a failed message stands: its destination does not answer for long, or the lane itself cannot be reached. */
export interface LaneFindings {
  readonly isLate: boolean;
  readonly isBlocked: boolean;
}

export function markFailed(
  sql: Sql,
  id: number,
  { error, made }: Failure,
  nextAtMs: number,
  { isLate, isBlocked }: LaneFindings,
): void {
  const statement = `UPDATE outbox SET attempts = attempts + ?, next_at_ms = ?, last_error = ?, is_late = max(is_late, ?),
    is_blocked = ? WHERE id = ? AND state = 'queued'`;
  sql.run(statement, made, nextAtMs, error, isLate ? 1 : 0, isBlocked ? 1 : 0, id);
}

/** How the lane stands, by what became of its oldest message that waits. */
export function readLane(sql: Sql, destination: string, lane: string): LaneFindings {
  const row = sql.get(headOf, destination, lane);
  return { isLate: row?.["is_late"] === 1, isBlocked: row?.["is_blocked"] === 1 };
}

export const waitingOf = (sql: Sql, destination: string, lane: string, limit: number): OutboxRow[] =>
  sql
    .all(
      "SELECT * FROM outbox WHERE destination = ? AND lane = ? AND state = 'queued' ORDER BY id LIMIT ?",
      destination,
      lane,
      limit,
    )
    .map(fromRow);

/** Puts the message back at its old place in the queue, due now. */
export const requeue = (sql: Sql, id: number, nowMs: number): boolean =>
  sql.run(
    `UPDATE outbox SET state = 'queued', next_at_ms = ?, created_at_ms = ?, settled_at_ms = NULL, is_late = 0, is_blocked = 0
     WHERE id = ? AND state IN ('queued', 'dead')`,
    nowMs,
    nowMs,
    id,
  ).changes > 0;

export const remove = (sql: Sql, id: number): boolean =>
  sql.run("DELETE FROM outbox WHERE id = ? AND state IN ('queued', 'dead')", id).changes > 0;

export const removeSentBefore = (sql: Sql, ms: number): number =>
  sql.run("DELETE FROM outbox WHERE state = 'sent' AND settled_at_ms < ?", ms).changes;

export const listMessages = (sql: Sql, state: MessageState | undefined, afterId: number, limit: number): OutboxRow[] =>
  sql
    .all(
      "SELECT * FROM outbox WHERE id > ? AND state = coalesce(?, state) ORDER BY id LIMIT ?",
      afterId,
      state ?? null,
      limit,
    )
    .map(fromRow);

/** A lane with messages that were given up or are late. */
export interface StuckLane {
  readonly destination: string;
  readonly lane: string;
  readonly messages: number;
  readonly reason: string;
}

/** The first lanes with messages that were given up or are late. */
export const listStuck = (sql: Sql): StuckLane[] =>
  sql
    .all(
      `SELECT destination, lane, count(*) AS messages, max(last_error) AS reason FROM outbox
       WHERE state = 'dead' OR (state = 'queued' AND is_late = 1) GROUP BY destination, lane ORDER BY lane LIMIT 20`,
    )
    .map((row) => ({
      destination: String(row["destination"]),
      lane: String(row["lane"]),
      messages: Number(row["messages"]),
      reason: String(row["reason"] ?? "unknown"),
    }));

const fromRow = (row: Row): OutboxRow => ({
  id: Number(row["id"]),
  destination: String(row["destination"]),
  lane: String(row["lane"]),
  dedupeKey: String(row["dedupe_key"]),
  transactionId: String(row["transaction_id"]),
  body: JSON.parse(String(row["body"])) as Record<string, unknown>,
  state: row["state"] as MessageState,
  attempts: Number(row["attempts"]),
  nextAtMs: Number(row["next_at_ms"]),
  createdAtMs: Number(row["created_at_ms"]),
  settledAtMs: row["settled_at_ms"] === null ? null : Number(row["settled_at_ms"]),
  isLate: row["is_late"] === 1,
  lastError: row["last_error"] === null ? null : String(row["last_error"]),
  receipt: row["receipt"] === null ? null : String(row["receipt"]),
});
