import type { Row, Sql } from "../store/index.ts";
import type { Severity } from "./rules.ts";

export interface OpenAlert {
  readonly rule: string;
  readonly key: string;
  readonly severity: Severity;
  readonly text: string;
  readonly firstMs: number;
  readonly sentMs: number;
  /** How often it was raised since it was sent. */
  readonly repeats: number;
}

export interface PendingAlert {
  readonly id: number;
  readonly destination: string;
  readonly lane: string;
  readonly text: string;
}

export function findOpen(sql: Sql, rule: string, key: string): OpenAlert | undefined {
  const row = sql.get("SELECT * FROM alerts_open WHERE rule = ? AND key = ?", rule, key);
  return row === undefined ? undefined : openOf(row);
}

const openOf = (row: Row): OpenAlert => ({
  rule: String(row["rule"]),
  key: String(row["key"]),
  severity: row["severity"] as Severity,
  text: String(row["text"]),
  firstMs: Number(row["first_ms"]),
  sentMs: Number(row["sent_ms"]),
  repeats: Number(row["repeats"]),
});

export function saveOpen(sql: Sql, alert: OpenAlert, nowMs: number): void {
  const { rule, key, severity, text, firstMs, sentMs, repeats } = alert;
  const statement = "INSERT OR REPLACE INTO alerts_open VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
  sql.run(statement, rule, key, severity, text, firstMs, nowMs, sentMs, repeats);
}

export const listOpen = (sql: Sql): OpenAlert[] =>
  sql.all("SELECT * FROM alerts_open ORDER BY first_ms LIMIT 1000").map(openOf);

export const removeOpen = (sql: Sql, rule: string, key: string): boolean =>
  sql.run("DELETE FROM alerts_open WHERE rule = ? AND key = ?", rule, key).changes > 0;

/** Removes alerts of rules without a recovery that were not raised since, and whose repetitions were sent. */
export const removeStale = (sql: Sql, rules: readonly string[], beforeMs: number): number =>
  sql.run(
    "DELETE FROM alerts_open WHERE repeats = 0 AND last_ms < ? AND rule IN (SELECT value FROM json_each(?))",
    beforeMs,
    JSON.stringify(rules),
  ).changes;

export function addPending(
  sql: Sql,
  alert: { destination: string; lane: string; rule: string; key: string; text: string; dueMs: number },
): void {
  const { destination, lane, rule, key, text, dueMs } = alert;
  sql.run(
    "INSERT INTO alerts_pending (destination, lane, rule, key, text, due_ms) VALUES (?, ?, ?, ?, ?, ?)",
    destination,
    lane,
    rule,
    key,
    text,
    dueMs,
  );
}

/** Withdraws alerts that were not sent yet. */
export const removePending = (sql: Sql, rule: string, key: string): boolean =>
  sql.run("DELETE FROM alerts_pending WHERE rule = ? AND key = ?", rule, key).changes > 0;

export const duePending = (sql: Sql, nowMs: number): PendingAlert[] =>
  sql.all("SELECT * FROM alerts_pending WHERE due_ms <= ? ORDER BY id LIMIT 1000", nowMs).map((row) => ({
    id: Number(row["id"]),
    destination: String(row["destination"]),
    lane: String(row["lane"]),
    text: String(row["text"]),
  }));

export const removePendingById = (sql: Sql, id: number): void =>
  void sql.run("DELETE FROM alerts_pending WHERE id = ?", id);
