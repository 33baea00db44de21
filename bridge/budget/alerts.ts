import type { Windows } from "../platform/calendar.ts";
import type { Sql } from "../store/index.ts";
import { type Level, levelsReached, type Standing, standingsOf } from "./checks.ts";
import type { Attribution } from "./scopes.ts";

/** Spending has reached a level. There is one alert for each level, window and bound. */
export interface Alert {
  readonly id: number;
  readonly standing: Standing;
  readonly level: Level;
  readonly agent: string | null;
  readonly resetsAtMs: number | null;
}

/** More than can gather between two sweeps; the next sweep publishes the rest. */
const publishedAtOnceMax = 100;

const insertAlert = `INSERT OR IGNORE INTO budget_alerts (scope, window, unit, ceiling, level, at_ms, alert)
  VALUES (?, ?, ?, ?, ?, ?, ?)`;

export interface AlertContext {
  readonly agent: string | null;
  readonly atMs: number;
  readonly endOf: (standing: Standing) => number | null;
}

/** Records the levels that the attribution's limits have reached and that no alert records yet. */
export function recordLevels(
  sql: Sql,
  attribution: Attribution,
  windows: Windows,
  thresholds: readonly number[],
  context: AlertContext,
): void {
  for (const standing of standingsOf(sql, attribution, windows))
    for (const level of levelsReached(standing, thresholds)) record(sql, standing, level, context);
}

/** @returns whether the alert is the first for its level, window and bound */
export function record(sql: Sql, standing: Standing, level: Level, { agent, atMs, endOf }: AlertContext): boolean {
  const { scope, windowId, limit, ceiling } = standing;
  const alert = JSON.stringify({ standing, level, agent, resetsAtMs: endOf(standing) });
  return sql.run(insertAlert, scope, windowId, limit.unit, ceiling ?? 0, level, atMs, alert).changes > 0;
}

/** Alerts that are recorded and not published. They stay so until `markPublished` is durable, so that a crash loses none. */
export const unpublished = (sql: Sql): Alert[] =>
  sql
    .all("SELECT id, alert FROM budget_alerts WHERE published = 0 ORDER BY id LIMIT ?", publishedAtOnceMax)
    .map((row) => ({ ...(JSON.parse(String(row["alert"])) as Omit<Alert, "id">), id: Number(row["id"]) }));

export function markPublished(sql: Sql, alerts: readonly Alert[]): void {
  for (const { id } of alerts) sql.run("UPDATE budget_alerts SET published = 1 WHERE id = ?", id);
}
