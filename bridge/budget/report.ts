import { BudgetDimension } from "@armorclaw/protocol";
import type { Sql } from "../store/index.ts";
import { type Amounts, amountIn } from "./amounts.ts";
import type { Standing } from "./checks.ts";
import { type Balance, exactSum, fromRow } from "./counters.ts";
import { type AttributionField, scopeParts } from "./scopes.ts";

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
const summed = [...balances, "input_tokens", "output_tokens"];
/** In the rollups these have an empty name for none. */
const withoutNull: ReadonlySet<string> = new Set(["provider", "model", "loop", "agent"]);
const hourMs = 3_600_000;
const figures = summed.map((column) => `${exactSum(column)} AS ${column}`).join(", ");

/** Adds the entries up by the dimensions, largest cost first. */
export function report(sql: Sql, { by, fromMs, toMs, rowsMax }: ReportQuery): ReportRow[] {
  // The names are columns, and come from the contract's closed list, never from outside.
  const names = BudgetDimension.options.filter((dimension) => by.includes(dimension));
  const keys = names.length === 0 ? "" : `${names.join(", ")}, `;
  const group = names.length === 0 ? "" : ` GROUP BY ${names.join(", ")}`;
  const { source, bounds } = names.some((name) => name === "task" || name === "run")
    ? { source: entriesOf(names), bounds: [fromMs, toMs] }
    : rolledUp(names, fromMs, toMs);
  const text = `SELECT ${keys}${figures}, SUM(bounded) AS bounded FROM (${source})${group}
    ORDER BY spent_nano_usd DESC, spent_tokens DESC LIMIT ?`;
  return sql.all(text, ...bounds, rowsMax).map((row) => ({
    keys: Object.fromEntries(by.map((name) => [name, row[name] === null ? null : String(row[name])])),
    ...fromRow(row),
    inputTokens: Number(row["input_tokens"] ?? 0),
    outputTokens: Number(row["output_tokens"] ?? 0),
    bounded: Number(row["bounded"] ?? 0),
  }));
}

const entriesOf = (names: readonly BudgetDimension[]): string =>
  `SELECT ${[...names, ...summed].join(", ")}, basis IS 'bound' AND kind <> 'adjust' AS bounded FROM budget_entries
    WHERE at_ms >= ? AND at_ms < ?`;

/** Whole hours are read from the rollups, and only what is left at both ends from the entries. */
function rolledUp(names: readonly BudgetDimension[], fromMs: number, toMs: number) {
  const columns = names.map((name) => (withoutNull.has(name) ? `NULLIF(${name}, '') AS ${name}` : name));
  const first = Math.ceil(fromMs / hourMs);
  const end = Math.max(first, Math.floor(toMs / hourMs));
  const hours = `SELECT ${[...columns, ...summed].join(", ")}, bounded FROM budget_rollups WHERE at_hour >= ? AND at_hour < ?`;
  return {
    source: [hours, entriesOf(names), entriesOf(names)].join(" UNION ALL "),
    bounds: [first, end, fromMs, Math.min(toMs, first * hourMs), Math.max(fromMs, end * hourMs), toMs],
  };
}

export interface Forecast {
  /** The spending of the last hour, in the unit of the limit. */
  readonly burnPerHour: number;
  /** The time until the ceiling at that rate; null when the window ends before. */
  readonly exhaustedInMs: number | null;
  /** The spending at the end of the window at that rate; null for a window without an end. */
  readonly projected: number | null;
}

const sums = balances.map((column) => `${exactSum(column)} AS ${column}`).join(", ");

/** The balance of the last hour for one scope. */
export function lastHourOf(sql: Sql, scope: string, nowMs: number): Balance {
  const parts = scopeParts(scope);
  const text = `SELECT ${sums} FROM budget_entries WHERE at_ms > ?${parts === undefined ? "" : ` AND ${parts.field} = ?`}`;
  const row = sql.get(text, nowMs - hourMs, ...(parts === undefined ? [] : [parts.value]));
  return fromRow(row ?? {});
}

/** The balances of the last hour for each thing of a field, by their scope, in one query. */
export function lastHourOfEach(sql: Sql, field: AttributionField, nowMs: number): ReadonlyMap<string, Balance> {
  const rows = sql.all(
    `SELECT ${field} AS value, ${sums} FROM budget_entries WHERE at_ms > ? AND ${field} IS NOT NULL GROUP BY ${field}`,
    nowMs - hourMs,
  );
  return new Map(rows.map((row) => [`${field}:${row["value"]}`, fromRow(row)]));
}

/** Assumes that the rate of the last hour continues. */
export function forecast(
  { limit, held, spent, ceiling }: Standing,
  lastHour: Balance,
  nowMs: number,
  endMs: number | null,
): Forecast {
  const burnPerHour = Math.max(0, amountIn(lastHour.spent, limit.unit));
  const leftMs = endMs === null ? Number.POSITIVE_INFINITY : endMs - nowMs;
  const room = ceiling === null ? Number.POSITIVE_INFINITY : Math.max(0, ceiling - spent - held);
  const exhaustedInMs = burnPerHour === 0 ? Number.POSITIVE_INFINITY : (room / burnPerHour) * hourMs;
  return {
    burnPerHour,
    exhaustedInMs: room === 0 ? 0 : exhaustedInMs < leftMs ? Math.ceil(exhaustedInMs) : null,
    projected: endMs === null ? null : Math.round(spent + (burnPerHour * leftMs) / hourMs),
  };
}
