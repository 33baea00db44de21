import type { WindowKind, Windows } from "../platform/calendar.ts";
import type { Row, Sql } from "../store/index.ts";
import { type Amounts, nothing } from "./amounts.ts";
import { type AttributionField, scopeParts } from "./scopes.ts";

/** The amounts that a scope holds and has spent in one window. */
export interface Balance {
  readonly held: Amounts;
  readonly spent: Amounts;
}

const columns = "held_nano_usd, held_tokens, held_calls, held_ms, spent_nano_usd, spent_tokens, spent_calls, spent_ms";
/** TOTAL never overflows, and is exact up to the largest number that JavaScript counts exactly. */
export const exactSum = (value: string): string => `CAST(MIN(TOTAL(${value}), 9007199254740991) AS INTEGER)`;

const sums = columns.replaceAll(/\w+/g, (column) => `${exactSum(column)} AS ${column}`);
const select = `SELECT ${columns} FROM budget_counters WHERE scope = ? AND window = ?`;
const insert = `INSERT INTO budget_counters (scope, window, ${columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;
/** Stops at the largest number that JavaScript counts exactly: a larger one could not be read again. */
const add = `UPDATE budget_counters SET ${columns.replaceAll(/\w+/g, "$& = MIN($& + ?, 9007199254740991)")}
  WHERE scope = ? AND window IN (?, ?, ?, ?, ?)`;

/** Constant texts, so that no name from outside is ever part of a statement. */
const scopeColumns: Readonly<Record<AttributionField, string>> = {
  provider: "provider = ?",
  model: "model = ?",
  loop: "loop = ?",
  agent: "agent = ?",
  task: "task = ?",
  run: "run = ?",
};
const windowColumns: Readonly<Record<WindowKind, string>> = {
  hour: "day = ? AND hour = ?",
  day: "day = ?",
  week: "week = ?",
  month: "month = ?",
  all: "1",
};

/** The balance. The first time that a scope and window are asked for, it is added up from the entries and kept. */
export function balanceOf(sql: Sql, scope: string, kind: WindowKind, windows: Windows): Balance {
  const kept = keptBalance(sql, scope, kind, windows);
  if (kept !== undefined) return kept;
  const balance = sumOfEntries(sql, scope, kind, windows);
  sql.run(insert, scope, windows[kind], ...flat(balance));
  return balance;
}

/** The same without keeping it, for a read. */
export const readBalance = (sql: Sql, scope: string, kind: WindowKind, windows: Windows): Balance =>
  keptBalance(sql, scope, kind, windows) ?? sumOfEntries(sql, scope, kind, windows);

function keptBalance(sql: Sql, scope: string, kind: WindowKind, windows: Windows): Balance | undefined {
  const row = sql.get(select, scope, windows[kind]);
  return row === undefined ? undefined : fromRow(row);
}

function sumOfEntries(sql: Sql, scope: string, kind: WindowKind, windows: Windows): Balance {
  const parts = scopeParts(scope);
  const ofScope = parts === undefined ? "1" : scopeColumns[parts.field];
  const values = [...windowValues(kind, windows), ...(parts === undefined ? [] : [parts.value])];
  const row = sql.get(
    `SELECT ${sums} FROM ${tableOf(parts?.field)} WHERE ${windowColumns[kind]} AND ${ofScope}`,
    ...values,
  );
  return fromRow(row ?? {});
}

/** Tasks and runs are too many to be rolled up; their entries have an index. */
export const tableOf = (field: AttributionField | undefined): "budget_entries" | "budget_rollups" =>
  field === "task" || field === "run" ? "budget_entries" : "budget_rollups";

/** The balances of each thing of a field in one window, by their scope, in one query. */
export function balancesOfEach(
  sql: Sql,
  field: AttributionField,
  kind: WindowKind,
  windows: Windows,
): ReadonlyMap<string, Balance> {
  // The field is one of a closed list.
  const rows = sql.all(
    `SELECT ${field} AS value, ${sums} FROM budget_rollups WHERE ${windowColumns[kind]} AND ${field} > '' GROUP BY ${field}`,
    ...windowValues(kind, windows),
  );
  return new Map(rows.map((row) => [`${field}:${row["value"]}`, fromRow(row)]));
}

export const nothingSpent: Balance = { held: nothing, spent: nothing };

/** Adds to the counters of these scopes and windows. A scope without a counter gets one when it is first asked for. */
export function addToCounters(sql: Sql, scopes: readonly string[], windows: Windows, change: Balance): void {
  const values = flat(change);
  const { hour, day, week, month, all } = windows;
  for (const scope of scopes) sql.run(add, ...values, scope, hour, day, week, month, all);
}

/** Deletes the counters, so that each is added up again from the entries. */
export const forgetCounters = (sql: Sql): void => {
  sql.run("DELETE FROM budget_counters");
};

const windowValues = (kind: WindowKind, windows: Windows): string[] =>
  kind === "all" ? [] : kind === "hour" ? [windows.day, windows.hour] : [windows[kind]];

/** The eight amounts in the order of the columns. */
export const flat = ({ held, spent }: Balance): number[] =>
  [held, spent].flatMap(({ costNanoUsd, tokens, calls, durationMs }) => [costNanoUsd, tokens, calls, durationMs]);

export function fromRow(row: Row): Balance {
  const amounts = (prefix: "held" | "spent"): Amounts => ({
    costNanoUsd: Number(row[`${prefix}_nano_usd`] ?? 0),
    tokens: Number(row[`${prefix}_tokens`] ?? 0),
    calls: Number(row[`${prefix}_calls`] ?? 0),
    durationMs: Number(row[`${prefix}_ms`] ?? 0),
  });
  return { held: amounts("held"), spent: amounts("spent") };
}
