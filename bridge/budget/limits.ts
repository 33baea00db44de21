import { type WindowKind, windowKinds } from "../platform/calendar.ts";
import type { Row, Sql } from "../store/index.ts";
import { nanoPerUsd, type Unit, units } from "./amounts.ts";

const hardActions = ["refuse", "freeze", "stop"] as const;
/** What follows the refusal at a hard limit: nothing, the agent is frozen, or the agent is stopped. */
export type HardAction = (typeof hardActions)[number];

/** A bound on the spending of one scope in one kind of window, in one unit. */
export interface Limit {
  /** `global`, `agent:mail-1`, or `agent:*` for each agent by itself. */
  readonly scope: string;
  readonly window: WindowKind;
  readonly unit: Unit;
  /** Publishes an alert when spending passes it; refuses nothing. */
  readonly soft: number | null;
  readonly hard: number | null;
  readonly onHard: HardAction;
}

/** Who decided a limit last. */
export type LimitOrigin = "config" | "set";
export type StoredLimit = Limit & { readonly origin: LimitOrigin };

const selectAll = "SELECT * FROM budget_limits ORDER BY scope, window, unit";
const upsert = `INSERT INTO budget_limits (scope, window, unit, soft, hard, on_hard, origin, configured)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (scope, window, unit) DO UPDATE SET
    soft = excluded.soft, hard = excluded.hard, on_hard = excluded.on_hard, origin = excluded.origin,
    configured = CASE excluded.origin WHEN 'config' THEN excluded.configured ELSE configured END`;

export const readLimits = (sql: Sql): StoredLimit[] => sql.all(selectAll).map(fromRow);

export function writeLimit(sql: Sql, limit: Limit, origin: LimitOrigin): void {
  const configured = origin === "config" ? digest(limit) : null;
  sql.run(upsert, limit.scope, limit.window, limit.unit, limit.soft, limit.hard, limit.onHard, origin, configured);
}

/**
 * Brings the stored limits in line with the configuration. A limit that was set by hand stands until the configuration of that
 * same limit changes: the newest decision counts.
 */
export function applyConfigured(sql: Sql, configured: readonly Limit[]): void {
  const wanted = new Map(configured.map((limit) => [keyOf(limit), limit]));
  for (const row of sql.all(selectAll)) {
    const key = keyOf(fromRow(row));
    const limit = wanted.get(key);
    const before = row["configured"];
    wanted.delete(key);
    if (limit === undefined) {
      if (row["origin"] === "config") remove(sql, fromRow(row));
    } else if (before !== digest(limit)) writeLimit(sql, limit, "config");
  }
  for (const limit of wanted.values()) writeLimit(sql, limit, "config");
}

/** What the limit ends at: the hard bound, or the soft one where there is no other. */
export const boundOf = ({ hard, soft }: Limit): number | null => hard ?? soft;

const remove = (sql: Sql, { scope, window, unit }: Limit) =>
  sql.run("DELETE FROM budget_limits WHERE scope = ? AND window = ? AND unit = ?", scope, window, unit);

const keyOf = ({ scope, window, unit }: Limit): string => `${scope} ${window} ${unit}`;
const digest = ({ soft, hard, onHard }: Limit): string => JSON.stringify([soft, hard, onHard]);

function fromRow(row: Row): StoredLimit {
  return {
    scope: String(row["scope"]),
    window: oneOf(windowKinds, row["window"]),
    unit: oneOf(units, row["unit"]),
    soft: numberOrNull(row["soft"]),
    hard: numberOrNull(row["hard"]),
    onHard: oneOf(hardActions, row["on_hard"]),
    origin: row["origin"] === "set" ? "set" : "config",
  };
}

const numberOrNull = (value: unknown): number | null => (value === null || value === undefined ? null : Number(value));

function oneOf<const T extends string>(known: readonly T[], value: unknown): T {
  const found = known.find((candidate) => candidate === value);
  if (found === undefined) throw new Error(`The ledger holds ${String(value)}, which is none of ${known.join(", ")}`);
  return found;
}

/** A limit in the configuration's units. */
export interface ConfiguredLimit extends Pick<Limit, "scope" | "window" | "onHard"> {
  readonly unit: "usd" | "tokens" | "calls" | "ms";
  readonly soft?: number | undefined;
  readonly hard?: number | undefined;
}

const unitOf: Readonly<Record<ConfiguredLimit["unit"], Unit>> = {
  usd: "cost_nano_usd",
  tokens: "tokens",
  calls: "calls",
  ms: "duration_ms",
};

/** The configuration's limits in the ledger's units. */
export const limitsOf = (limits: readonly ConfiguredLimit[]): Limit[] =>
  limits.map(({ scope, window, unit, soft, hard, onHard }) => {
    const inUnit = (value: number | undefined) =>
      value === undefined ? null : unit === "usd" ? Math.round(value * nanoPerUsd) : Math.floor(value);
    return { scope, window, unit: unitOf[unit], soft: inUnit(soft), hard: inUnit(hard), onHard };
  });
