import type { Windows } from "../platform/calendar.ts";
import type { Sql } from "../store/index.ts";
import { type Standing, standing } from "./checks.ts";
import { readLimits } from "./limits.ts";

/** An agent that is paused until the limit that froze it has room again. */
export interface FrozenAgent {
  readonly agent: string;
  readonly scope: string;
  readonly reason: string;
}

const upsert = "INSERT OR REPLACE INTO budget_frozen_agents VALUES (?, ?, ?, ?, ?, ?, ?)";

export function freeze(sql: Sql, agent: string, by: Standing, endsAtMs: number | null, reason: string): void {
  sql.run(upsert, agent, by.scope, by.windowId, by.limit.unit, by.ceiling ?? 0, endsAtMs, reason);
}

export const allFrozen = (sql: Sql): FrozenAgent[] =>
  sql
    .all("SELECT agent, scope, reason FROM budget_frozen_agents ORDER BY agent")
    .map((row) => ({ agent: String(row["agent"]), scope: String(row["scope"]), reason: String(row["reason"]) }));

export function frozenAgent(sql: Sql, agent: string): FrozenAgent | undefined {
  const row = sql.get("SELECT agent, scope, reason FROM budget_frozen_agents WHERE agent = ?", agent);
  return row === undefined ? undefined : { agent, scope: String(row["scope"]), reason: String(row["reason"]) };
}

/** Unfreezes agents whose window has ended, or whose limit was raised, topped up or removed. @returns the agents */
export function thaw(sql: Sql, windows: Windows): string[] {
  const thawed = sql.all("SELECT * FROM budget_frozen_agents").flatMap((row) => {
    const limit = readLimits(sql).find(
      (candidate) =>
        windows[candidate.window] === row["window"] &&
        candidate.unit === row["unit"] &&
        covers(candidate.scope, String(row["scope"])),
    );
    const isSame =
      limit !== undefined && standing(sql, limit, String(row["scope"]), windows).ceiling === row["ceiling"];
    return isSame ? [] : [String(row["agent"])];
  });
  for (const agent of thawed) sql.run("DELETE FROM budget_frozen_agents WHERE agent = ?", agent);
  return thawed;
}

const covers = (limitScope: string, scope: string): boolean =>
  limitScope === scope || (limitScope.endsWith(":*") && scope.startsWith(limitScope.slice(0, -1)));
