import type { Windows } from "../platform/calendar.ts";
import type { Row, Sql } from "../store/index.ts";
import { type Amounts, nothing } from "./amounts.ts";
import { addToCounters, type Balance, flat, fromRow } from "./counters.ts";
import { type Attribution, attributionFields, scopesOf } from "./scopes.ts";

/** Where the figures of a spending come from: the provider's usage, the most that it can have cost, or the agent's report. */
export type Basis = "provider" | "bound" | "reported";

/** What was spent of a reservation. */
export interface Spending {
  readonly amounts: Amounts;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly basis: Basis;
}

/** What happens to a reservation that nobody settles in time: it is released, or booked in full. */
export type OnExpiry = "release" | "spend";

export interface Hold {
  readonly id: string;
  readonly attribution: Attribution;
  readonly amounts: Amounts;
  /** The price of the reservation, which its settlement uses too, as JSON. */
  readonly price: string | null;
  readonly expiresAtMs: number;
  readonly onExpiry: OnExpiry;
}

/** A reservation as the ledger stores it. */
export interface Held {
  readonly attribution: Attribution;
  readonly windows: Windows;
  readonly amounts: Amounts;
  readonly onExpiry: OnExpiry | undefined;
}

type EntryKind = "reserve" | "settle" | "release" | "expire" | "adjust";

const insertEntry = `INSERT INTO budget_entries (reservation, kind, at_ms, hour, day, week, month,
  provider, model, loop, agent, task, run,
  held_nano_usd, held_tokens, held_calls, held_ms, spent_nano_usd, spent_tokens, spent_calls, spent_ms,
  input_tokens, output_tokens, basis, price)
  VALUES (${Array.from({ length: 25 }, () => "?").join(", ")})`;
const selectReserve = `SELECT e.*, o.on_expiry FROM budget_entries e LEFT JOIN budget_open o USING (reservation)
  WHERE e.reservation = ? AND e.kind = 'reserve'`;
const selectExpiry = "SELECT * FROM budget_entries WHERE reservation = ? AND kind = 'expire'";
const selectAdjust = "SELECT 1 FROM budget_entries WHERE reservation = ? AND kind = 'adjust'";

/** Holds amounts. The caller has checked the limits in the same transaction. */
export function hold(
  sql: Sql,
  { id, attribution, amounts, price, expiresAtMs, onExpiry }: Hold,
  windows: Windows,
  atMs: number,
): void {
  sql.run("INSERT INTO budget_open VALUES (?, ?, ?, ?)", id, expiresAtMs, onExpiry, attribution.agent ?? null);
  append(sql, { id, kind: "reserve", atMs, attribution, windows, change: { held: amounts, spent: nothing }, price });
}

/** Finds a reservation, open or ended. */
export function findHeld(sql: Sql, id: string): Held | undefined {
  const row = sql.get(selectReserve, id);
  if (row === undefined) return undefined;
  const onExpiry = row["on_expiry"];
  return {
    attribution: attributionOf(row),
    windows: windowsOf(row),
    amounts: fromRow(row).held,
    onExpiry: onExpiry === "spend" || onExpiry === "release" ? onExpiry : undefined,
  };
}

/** Ends an open reservation: it holds nothing any more, and its spending is booked. */
export function end(
  sql: Sql,
  id: string,
  held: Held,
  kind: "settle" | "release" | "expire",
  atMs: number,
  spending: Spending | undefined,
): void {
  sql.run("DELETE FROM budget_open WHERE reservation = ?", id);
  const change = { held: negative(held.amounts), spent: spending?.amounts ?? nothing };
  append(sql, { id, kind, atMs, attribution: held.attribution, windows: held.windows, change, price: null, spending });
}

/**
 * Books the spending that became known after a reservation had expired.
 * @returns false when the reservation had not expired, or was adjusted before
 */
export function adjust(sql: Sql, id: string, held: Held, atMs: number, spending: Spending): boolean {
  const expiry = sql.get(selectExpiry, id);
  if (expiry === undefined || sql.get(selectAdjust, id) !== undefined) return false;
  const spent = difference(spending.amounts, fromRow(expiry).spent);
  append(sql, {
    id,
    kind: "adjust",
    atMs,
    attribution: held.attribution,
    windows: held.windows,
    change: { held: nothing, spent },
    price: null,
    spending,
  });
  return true;
}

/** Whether the reservation expired and nothing of it was booked. */
export const expiredUnspent = (sql: Sql, id: string): boolean => sql.get(selectExpiry, id)?.["basis"] === null;

/** How many reservations of the agent are open. */
export const openOf = (sql: Sql, agent: string): number =>
  Number(sql.get("SELECT COUNT(*) AS open FROM budget_open WHERE agent = ?", agent)?.["open"] ?? 0);

/** The ids of expired reservations that are still open. */
export const expired = (sql: Sql, atMs: number, max: number): string[] =>
  sql
    .all("SELECT reservation FROM budget_open WHERE expires_at_ms <= ? ORDER BY expires_at_ms LIMIT ?", atMs, max)
    .map((row) => String(row["reservation"]));

interface Entry {
  readonly id: string;
  readonly kind: EntryKind;
  readonly atMs: number;
  readonly attribution: Attribution;
  readonly windows: Windows;
  readonly change: Balance;
  readonly price: string | null;
  readonly spending?: Spending | undefined;
}

function append(sql: Sql, { id, kind, atMs, attribution, windows, change, price, spending }: Entry): void {
  const { hour, day, week, month } = windows;
  const who = attributionFields.map((field) => attribution[field] ?? null);
  const tokens = [spending?.inputTokens ?? 0, spending?.outputTokens ?? 0];
  sql.run(
    insertEntry,
    id,
    kind,
    atMs,
    hour,
    day,
    week,
    month,
    ...who,
    ...flat(change),
    ...tokens,
    spending?.basis ?? null,
    price,
  );
  addToCounters(sql, scopesOf(attribution), windows, change);
}

function attributionOf(row: Row): Attribution {
  const known = attributionFields.flatMap((field) => {
    const value = row[field];
    return typeof value === "string" ? [[field, value]] : [];
  });
  return Object.fromEntries(known);
}

function windowsOf(row: Row): Windows {
  const text = (name: string) => String(row[name]);
  return { hour: text("hour"), day: text("day"), week: text("week"), month: text("month"), all: "all" };
}

const difference = (a: Amounts, b: Amounts): Amounts => ({
  costNanoUsd: a.costNanoUsd - b.costNanoUsd,
  tokens: a.tokens - b.tokens,
  calls: a.calls - b.calls,
  durationMs: a.durationMs - b.durationMs,
});
const negative = (amounts: Amounts): Amounts => difference(nothing, amounts);
