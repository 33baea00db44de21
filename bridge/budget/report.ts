import { BudgetDimension } from "@armorclaw/protocol";
import type { Sql } from "../store/index.ts";
import { type Amounts, amountIn } from "./amounts.ts";
import type { Standing } from "./checks.ts";
import { exactSum, fromRow } from "./counters.ts";
import { scopeParts } from "./scopes.ts";

export interface ReportQuery {
  readonly by: readonly BudgetDimension[];
  readonly fromMs: number;
  readonly toMs: number;
  readonly rowsMax: number;
}

export interface ReportRow {
  /** One value for each requested dimension; null where an entry has none. */
  readonly keys: Readonly<Partial<Record<BudgetDimension, string | null>>>;
  readonly spent: Amounts;
  readonly held: Amounts;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Reservations that were booked at the most that they can have cost, because no usage was reported. */
  readonly bounded: number;
}

const balances = ["held", "spent"].flatMap((kind) =>
  ["nano_usd", "tokens", "calls", "ms"].map((unit) => `${kind}_${unit}`),
);
const figures = [...balances, "input_tokens", "output_tokens"]
  .map((column) => `${exactSum(column)} AS ${column}`)
  .join(", ");

/** Adds the entries up by the dimensions, largest cost first. */
export function report(sql: Sql, { by, fromMs, toMs, rowsMax }: ReportQuery): ReportRow[] {
  // The names are columns, and come from the contract's closed list, never from outside.
  const names = BudgetDimension.options.filter((dimension) => by.includes(dimension));
  const keys = names.length === 0 ? "" : `${names.join(", ")}, `;
  const group = names.length === 0 ? "" : ` GROUP BY ${names.join(", ")}`;
  const text = `SELECT ${keys}${figures}, SUM(basis = 'bound' AND kind <> 'adjust') AS bounded FROM budget_entries
    WHERE at_ms >= ? AND at_ms < ?${group} ORDER BY spent_nano_usd DESC, spent_tokens DESC LIMIT ?`;
  return sql.all(text, fromMs, toMs, rowsMax).map((row) => ({
    keys: Object.fromEntries(by.map((name) => [name, row[name] === null ? null : String(row[name])])),
    ...fromRow(row),
    inputTokens: Number(row["input_tokens"] ?? 0),
    outputTokens: Number(row["output_tokens"] ?? 0),
    bounded: Number(row["bounded"] ?? 0),
  }));
}

export interface Forecast {
  /** The spending of the last hour, in the unit of the limit. */
  readonly burnPerHour: number;
  /** The time until the ceiling at that rate; null when the window ends before. */
  readonly exhaustedInMs: number | null;
  /** The spending at the end of the window at that rate; null for a window without an end. */
  readonly projected: number | null;
}

const hourMs = 3_600_000;
const sums = balances.map((column) => `${exactSum(column)} AS ${column}`).join(", ");

/** Assumes that the rate of the last hour continues. */
export function forecast(
  sql: Sql,
  { scope, limit, held, spent, ceiling }: Standing,
  nowMs: number,
  endMs: number | null,
): Forecast {
  const parts = scopeParts(scope);
  const text = `SELECT ${sums} FROM budget_entries WHERE at_ms > ?${parts === undefined ? "" : ` AND ${parts.field} = ?`}`;
  const row = sql.get(text, nowMs - hourMs, ...(parts === undefined ? [] : [parts.value]));
  const burnPerHour = Math.max(0, amountIn(fromRow(row ?? {}).spent, limit.unit));
  const leftMs = endMs === null ? Number.POSITIVE_INFINITY : endMs - nowMs;
  const room = ceiling === null ? Number.POSITIVE_INFINITY : Math.max(0, ceiling - spent - held);
  const exhaustedInMs = burnPerHour === 0 ? Number.POSITIVE_INFINITY : (room / burnPerHour) * hourMs;
  return {
    burnPerHour,
    exhaustedInMs: room === 0 ? 0 : exhaustedInMs < leftMs ? Math.ceil(exhaustedInMs) : null,
    projected: endMs === null ? null : Math.round(spent + (burnPerHour * leftMs) / hourMs),
  };
}
