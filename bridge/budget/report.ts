import { setImmediate as nextTurn } from "node:timers/promises";
import { BudgetDimension } from "@armorclaw/protocol";
import type { Row, Sql } from "../store/index.ts";
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

/** How many entries are added up before other work of the bridge runs. */
const entriesPerTurn = 2_000;

/** Adds the entries up by the dimensions, largest cost first. Other work of the bridge runs between its parts. */
export async function report(
  read: <T>(work: (sql: Sql) => T) => T,
  { by, fromMs, toMs, rowsMax }: ReportQuery,
): Promise<ReportRow[]> {
  // The names are columns, and come from the contract's closed list, never from outside.
  const names = BudgetDimension.options.filter((dimension) => by.includes(dimension));
  const totals = new Map<string, ReportRow>();
  const isOfEntries = names.some((name) => name === "task" || name === "run");
  const parts = isOfEntries ? partsOfEntries(read, names, fromMs, toMs) : partsOfSpan(read, names, fromMs, toMs);
  for (const rows of parts) {
    for (const row of rows) addTo(totals, names, by, row);
    await nextTurn();
  }
  return [...totals.values()]
    .sort((one, other) => other.spent.costNanoUsd - one.spent.costNanoUsd || other.spent.tokens - one.spent.tokens)
    .slice(0, rowsMax);
}

function addTo(
  totals: Map<string, ReportRow>,
  names: readonly BudgetDimension[],
  by: readonly BudgetDimension[],
  row: Row,
): void {
  const key = JSON.stringify(names.map((name) => row[name]));
  const before = totals.get(key);
  const { held, spent } = fromRow(row);
  const added = (one: number | undefined, column: string) => exact((one ?? 0) + Number(row[column] ?? 0));
  totals.set(key, {
    keys: before?.keys ?? Object.fromEntries(by.map((name) => [name, row[name] === null ? null : String(row[name])])),
    held: sumOf(before?.held, held),
    spent: sumOf(before?.spent, spent),
    inputTokens: added(before?.inputTokens, "input_tokens"),
    outputTokens: added(before?.outputTokens, "output_tokens"),
    bounded: added(before?.bounded, "bounded"),
  });
}

/** Stops at the largest number that JavaScript counts exactly, as the counters do. */
const exact = (value: number): number => Math.min(value, Number.MAX_SAFE_INTEGER);

const sumOf = (one: Amounts | undefined, other: Amounts): Amounts => ({
  costNanoUsd: exact((one?.costNanoUsd ?? 0) + other.costNanoUsd),
  tokens: exact((one?.tokens ?? 0) + other.tokens),
  calls: exact((one?.calls ?? 0) + other.calls),
  durationMs: exact((one?.durationMs ?? 0) + other.durationMs),
});

const grouped = (names: readonly BudgetDimension[], source: string): string => {
  const keys = names.length === 0 ? "" : `${names.join(", ")}, `;
  const group = names.length === 0 ? "" : ` GROUP BY ${names.join(", ")}`;
  return `SELECT ${keys}${figures}, SUM(bounded) AS bounded FROM (${source})${group}`;
};

/** Whole hours are read from the rollups, and only what is left at both ends from the entries. */
function* partsOfSpan(
  read: <T>(work: (sql: Sql) => T) => T,
  names: readonly BudgetDimension[],
  fromMs: number,
  toMs: number,
): Generator<Row[]> {
  const first = Math.ceil(fromMs / hourMs);
  const end = Math.max(first, Math.floor(toMs / hourMs));
  yield* partsOfEntries(read, names, fromMs, Math.min(toMs, first * hourMs));
  yield* partsOfRollups(read, names, first, end);
  yield* partsOfEntries(read, names, Math.max(fromMs, end * hourMs), toMs);
}

/** The sums of the entries of a span of time, of so many at once, in the order of their time. */
function* partsOfEntries(
  read: <T>(work: (sql: Sql) => T) => T,
  names: readonly BudgetDimension[],
  fromMs: number,
  toMs: number,
): Generator<Row[]> {
  const columns = [...names, ...summed].join(", ");
  const source = `SELECT ${columns}, basis IS 'bound' AND kind <> 'adjust' AS bounded FROM budget_entries
    WHERE (at_ms, id) > (?, ?) AND (at_ms, id) <= (?, ?)`;
  let after: [number, number] = [fromMs, -1];
  while (fromMs < toMs) {
    const next = `SELECT at_ms, id FROM budget_entries WHERE (at_ms, id) > (?, ?) AND at_ms < ? ORDER BY at_ms, id LIMIT 1 OFFSET ?`;
    const row = read((sql) => sql.get(next, ...after, toMs, entriesPerTurn));
    const last: [number, number] = row === undefined ? [toMs, -1] : [Number(row["at_ms"]), Number(row["id"])];
    const from = after;
    yield read((sql) => sql.all(grouped(names, source), ...from, ...last));
    if (row === undefined) return;
    after = last;
  }
}

function* partsOfRollups(
  read: <T>(work: (sql: Sql) => T) => T,
  names: readonly BudgetDimension[],
  first: number,
  end: number,
): Generator<Row[]> {
  const columns = names.map((name) => (withoutNull.has(name) ? `NULLIF(${name}, '') AS ${name}` : name));
  const source = `SELECT ${[...columns, ...summed].join(", ")}, bounded FROM budget_rollups WHERE at_hour = ?`;
  const next = "SELECT min(at_hour) AS hour FROM budget_rollups WHERE at_hour >= ? AND at_hour < ?";
  for (let from = first; ; ) {
    const hour = read((sql) => sql.get(next, from, end))?.["hour"];
    if (hour === null || hour === undefined) return;
    yield read((sql) => sql.all(grouped(names, source), hour));
    from = Number(hour) + 1;
  }
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
