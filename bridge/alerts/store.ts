import type { Sql } from "../store/index.ts";
import type { Severity } from "./rules.ts";

export interface OpenAlert {
  readonly rule: string;
  readonly key: string;
  readonly severity: Severity;
  readonly text: string;
  readonly firstMs: number;
  readonly toldMs: number;
  /** Times it came up since it was told. */
  readonly untold: number;
}

export interface PendingAlert {
  readonly id: number;
  readonly destination: string;
  readonly lane: string;
  readonly text: string;
}

export function findOpen(sql: Sql, rule: string, key: string): OpenAlert | undefined {
  const row = sql.get("SELECT * FROM alerts_open WHERE rule = ? AND key = ?", rule, key);
  if (row === undefined) return undefined;
  return {
    rule,
    key,
    severity: row["severity"] as Severity,
    text: String(row["text"]),
    firstMs: Number(row["first_ms"]),
    toldMs: Number(row["told_ms"]),
    untold: Number(row["untold"]),
  };
}

export function saveOpen(sql: Sql, alert: OpenAlert, nowMs: number): void {
  const { rule, key, severity, text, firstMs, toldMs, untold } = alert;
  const statement = "INSERT OR REPLACE INTO alerts_open VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
  sql.run(statement, rule, key, severity, text, firstMs, nowMs, toldMs, untold);
}

export const removeOpen = (sql: Sql, rule: string, key: string): boolean =>
  sql.run("DELETE FROM alerts_open WHERE rule = ? AND key = ?", rule, key).changes > 0;

/** Forgets alerts that nothing will say the end of, when they have not come up for that long. */
export const removeStale = (sql: Sql, rules: readonly string[], beforeMs: number): number =>
  sql.run(
    "DELETE FROM alerts_open WHERE last_ms < ? AND rule IN (SELECT value FROM json_each(?))",
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

/** Takes back what was not told yet. */
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
