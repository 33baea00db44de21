import type { WindowKind, Windows } from "../platform/calendar.ts";
import type { Sql } from "../store/index.ts";
import { type Amounts, amountIn, type Unit } from "./amounts.ts";
import { type Balance, balanceOf } from "./counters.ts";
import { boundOf, readLimits, type StoredLimit } from "./limits.ts";
import { type Attribution, boundScope, everything } from "./scopes.ts";

/** One limit as it stands for one scope in one window. */
export interface Standing {
  readonly limit: StoredLimit;
  /** The scope that the limit bounds here, without a star. */
  readonly scope: string;
  readonly windowId: string;
  readonly held: number;
  readonly spent: number;
  /** The sum of the grants in this window. */
  readonly granted: number;
  /** The bound plus the grants; null when the limit has no bound. */
  readonly ceiling: number | null;
}

const sumGrants =
  "SELECT COALESCE(SUM(amount), 0) AS amount FROM budget_grants WHERE scope = ? AND window = ? AND unit = ?";

type ReadBalance = (sql: Sql, scope: string, kind: WindowKind, windows: Windows) => Balance;

/**
 * Every limit that bounds the attribution, as it stands now.
 * @param balance `readBalance` outside a write
 */
export const standingsOf = (
  sql: Sql,
  attribution: Attribution,
  windows: Windows,
  balance: ReadBalance = balanceOf,
): Standing[] =>
  readLimits(sql).flatMap((limit) => {
    const scope = boundScope(limit.scope, attribution);
    return scope === undefined ? [] : [standing(sql, limit, scope, windows, balance)];
  });

export function standing(
  sql: Sql,
  limit: StoredLimit,
  scope: string,
  windows: Windows,
  balance: ReadBalance = balanceOf,
): Standing {
  const { held, spent } = balance(sql, scope, limit.window, windows);
  const windowId = windows[limit.window];
  const granted = grantedIn(sql, scope, windowId, limit.unit);
  const bound = boundOf(limit);
  return {
    limit,
    scope,
    windowId,
    held: amountIn(held, limit.unit),
    spent: amountIn(spent, limit.unit),
    granted,
    ceiling: bound === null ? null : bound + granted,
  };
}

const grantedIn = (sql: Sql, scope: string, windowId: string, unit: Unit): number =>
  Number(sql.get(sumGrants, scope, windowId, unit)?.["amount"] ?? 0);

/** The first hard limit that has no room for the amounts. */
export function firstRefusal(standings: readonly Standing[], amounts: Amounts): Standing | undefined {
  return standings.find(({ limit, held, spent, ceiling }) => {
    const asked = amountIn(amounts, limit.unit);
    return limit.hard !== null && ceiling !== null && asked > 0 && held + spent + asked > ceiling;
  });
}

/** A level that spending has reached: a percentage of the bound, the soft bound, or the first refusal. */
export type Level = `${number}` | "soft" | "refused";

/** The levels that a standing has reached, lowest first. */
export function levelsReached({ limit, spent, granted, ceiling }: Standing, thresholds: readonly number[]): Level[] {
  if (ceiling === null || ceiling === 0) return [];
  const reached = thresholds
    .filter((percent) => spent * 100 >= ceiling * percent)
    .map((percent): Level => `${percent}`);
  const passedSoft = limit.soft !== null && limit.hard !== null && spent >= limit.soft + granted;
  return passedSoft ? ["soft", ...reached] : reached;
}

/** Whether a hard limit in this unit bounds the attribution. `own` leaves the limit out that everything shares. */
export const isBounded = (sql: Sql, attribution: Attribution, unit: Unit, which: "any" | "own" = "any"): boolean =>
  readLimits(sql).some(
    (limit) =>
      limit.unit === unit &&
      limit.hard !== null &&
      (which === "any" || limit.scope !== everything) &&
      boundScope(limit.scope, attribution) !== undefined,
  );

/** Whether a hard limit in cost bounds this agent or its loop by itself; one that all share does not count. */
export const hasOwnCostLimit = (sql: Sql, { agent, loop }: Attribution): boolean =>
  isBounded(sql, { agent, loop }, "cost_nano_usd", "own");

/** How much the hard limits in this unit leave; Infinity when there is none. */
export const roomIn = (standings: readonly Standing[], unit: Unit): number =>
  Math.min(
    ...standings.flatMap(({ limit, ceiling, spent, held }) =>
      limit.unit === unit && limit.hard !== null && ceiling !== null ? [Math.max(0, ceiling - spent - held)] : [],
    ),
  );

/** The name of a limit in a sentence: `global, cost per day`. */
export function nameOf(scope: string, window: WindowKind, unit: Unit): string {
  const what = { cost_nano_usd: "cost", tokens: "tokens", calls: "calls", duration_ms: "duration" }[unit];
  return `${scope}, ${what} ${window === "all" ? "in all" : `per ${window}`}`;
}
