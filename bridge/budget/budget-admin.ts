import type { Principal } from "@armorclaw/protocol";
import { BridgeError } from "@armorclaw/protocol/errors";
import type { PublishEvent } from "../events/index.ts";
import type { AgentDirectory } from "../lifecycle/index.ts";
import type { Calendar, WindowKind, Windows } from "../platform/calendar.ts";
import type { Clock } from "../platform/clock.ts";
import type { Sql, Store } from "../store/index.ts";
import type { Unit } from "./amounts.ts";
import { type Standing, standing } from "./checks.ts";
import { balancesOfEach, nothingSpent, readBalance } from "./counters.ts";
import { allFrozen, type FrozenAgent } from "./frozen-agents.ts";
import { boundOf, type Limit, readLimits, type StoredLimit, writeLimit } from "./limits.ts";
import {
  type Forecast,
  forecast,
  lastHourOf,
  lastHourOfEach,
  type ReportQuery,
  type ReportRow,
  report,
} from "./report.ts";
import { scopeParts } from "./scopes.ts";

/** A person's decision on an exact top-up. */
interface TopUpApprovals {
  /** @throws BridgeError when the request was denied, or has no answer yet */
  ask(
    action: "budget.topup",
    request: Readonly<Record<string, string | number>>,
    askedBy: string,
    signal: AbortSignal,
  ): Promise<{ readonly approvalId: string; readonly approvedBy: string }>;
}

export interface BudgetAdminDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly calendar: Calendar;
  readonly publish: PublishEvent;
  readonly approvals: TopUpApprovals;
  readonly agents: Pick<AgentDirectory, "loopOf">;
  /** What is wrong with the scope of a limit: that nothing has its name. */
  readonly unknownScope: (scope: string) => string | undefined;
  /** Is swept after each decision, so that agents with room again are resumed. */
  readonly budget: { sweep(): Promise<void> };
}

/** A limit as it stands, with a forecast. */
export interface LimitStatus extends Forecast {
  readonly standing: Standing;
  /** What may still be spent or held under the limit. */
  readonly remaining: number;
  /** How much of the limit is spent. */
  readonly percent: number;
  readonly resetsAtMs: number | null;
}

/** Which limits are shown. */
export interface StatusQuery {
  readonly scope?: string | undefined;
  /** The agent that asks, which sees the limits that bound it alone. People see every limit. */
  readonly agent?: string | undefined;
}

export interface TopUp {
  readonly scope: string;
  readonly window: WindowKind;
  readonly unit: Unit;
  readonly amount: number;
  readonly reason: string;
}

/** The most scopes that are shown of a limit with a star. */
const starScopesMax = 200;

const insertGrant = `INSERT INTO budget_grants (scope, window, unit, amount, at_ms, asked_by, approved_by, approval, reason)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`;

/** The queries and decisions of people about the budget. */
export class BudgetAdmin {
  readonly #deps: BudgetAdminDeps;

  constructor(deps: BudgetAdminDeps) {
    this.#deps = deps;
  }

  /**
   * Sets or removes a limit for a person.
   * @throws BridgeError INVALID_PARAMS, or what `removeLimit` throws
   */
  async changeLimit({ remove, ...limit }: Limit & { readonly remove: boolean }, by: string): Promise<void> {
    const { scope, soft, hard } = limit;
    const isBounded = soft !== null || hard !== null;
    if (remove && isBounded)
      throw new BridgeError("INVALID_PARAMS", "A limit that is removed has neither `hard` nor `soft`");
    if (remove) return await this.removeLimit(limit, by);
    if (!isBounded)
      throw new BridgeError("INVALID_PARAMS", "A limit needs `hard` or `soft`; `remove` takes a limit away");
    // A limit of what nothing is called would bound nothing.
    const wrong = this.#deps.unknownScope(scope);
    if (wrong !== undefined) throw new BridgeError("INVALID_PARAMS", wrong, { scope });
    await this.setLimit(limit, by);
  }

  /** Sets a limit. It stands until its configuration changes. */
  async setLimit(limit: Limit, by: string): Promise<void> {
    await this.#deps.store.write((sql) => writeLimit(sql, limit, "set"));
    await this.#changed(limit, by);
  }

  /** Removes a limit. It comes back when its configuration changes. @throws BridgeError BUDGET_LIMIT_NOT_FOUND */
  async removeLimit(name: Pick<Limit, "scope" | "window" | "unit">, by: string): Promise<void> {
    const { scope, window, unit } = name;
    const limit: Limit = { scope, window, unit, soft: null, hard: null, onHard: "refuse" };
    await this.#deps.store.write((sql) => {
      if (!readLimits(sql).some((known) => boundOf(known) !== null && isSame(known, name, name.scope)))
        throw noLimit(name);
      writeLimit(sql, limit, "set");
    });
    await this.#changed(limit, by);
  }

  async #changed({ scope, window, unit, soft, hard, onHard }: Limit, by: string): Promise<void> {
    const { publish, budget } = this.#deps;
    publish("budget.limit_changed", "bridge", { scope, window, unit, soft, hard, on_hard: onHard, by });
    await budget.sweep();
  }

  /**
   * Asks a person to grant more in the present window.
   * @throws BridgeError FORBIDDEN, BUDGET_LIMIT_NOT_FOUND, BUDGET_WINDOW_OVER, or what the approval ended with
   */
  async topUp(
    { scope, window, unit, amount, reason }: TopUp,
    principal: Principal,
    signal: AbortSignal,
  ): Promise<{ windowId: string; approvedBy: string }> {
    const { approvals, store, calendar, clock, publish, budget } = this.#deps;
    if (principal.kind === "agent" && scope !== `agent:${principal.agentId}`)
      throw new BridgeError("FORBIDDEN", `${principal.agentId} may ask for agent:${principal.agentId} alone`);
    const askedBy = principal.id;
    const star = `${scope.split(":", 1)[0]}:*`;
    const limits = store.read((sql) => readLimits(sql).filter((limit) => boundOf(limit) !== null));
    const name = { scope, window, unit };
    if (!limits.some((limit) => isSame(limit, name, scope) || isSame(limit, name, star))) throw noLimit(name);
    const windowId = calendar.at(clock.now())[window];
    const request = { scope, window, window_id: windowId, unit, amount, reason };
    const { approvalId, approvedBy } = await approvals.ask("budget.topup", request, askedBy, signal);
    await store.write((sql) => {
      const atMs = clock.now();
      if (calendar.at(atMs)[window] !== windowId) {
        throw new BridgeError("BUDGET_WINDOW_OVER", `The ${window} ${windowId} had ended when the grant was approved`);
      }
      sql.run(insertGrant, scope, windowId, unit, amount, atMs, askedBy, approvedBy, approvalId, reason);
    });
    publish("budget.topped_up", "bridge", {
      ...request,
      asked_by: askedBy,
      approved_by: approvedBy,
      approval_id: approvalId,
    });
    await budget.sweep();
    return { windowId, approvedBy };
  }

  /** The limits as they stand. The event loop serves others between two limits. */
  async status({ scope, agent }: StatusQuery = {}): Promise<{
    readonly limits: LimitStatus[];
    readonly frozen: FrozenAgent[];
  }> {
    const { store, calendar, clock, agents } = this.#deps;
    const bounding = agent === undefined ? undefined : ["global", `agent:${agent}`, `loop:${agents.loopOf(agent)}`];
    const isShown = ({ standing: { scope: bound } }: LimitStatus) =>
      (scope === undefined || bound === scope) && (bounding === undefined || bounding.includes(bound));
    const nowMs = clock.now();
    const limits = store.read((sql) => readLimits(sql).filter((limit) => boundOf(limit) !== null));
    const statuses: LimitStatus[] = [];
    for (const limit of limits) {
      const resetsAtMs = calendar.endOf(limit.window, nowMs) ?? null;
      const figures = { windows: calendar.at(nowMs), nowMs, resetsAtMs };
      statuses.push(...store.read((sql) => statusesOf(sql, limit, figures)));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const frozen = store.read(allFrozen).filter((one) => agent === undefined || one.agent === agent);
    return { limits: statuses.filter(isShown), frozen };
  }

  async report(query: ReportQuery): Promise<ReportRow[]> {
    const { store } = this.#deps;
    return await report((work) => store.read(work), query);
  }
}

const isSame = (limit: Limit, { window, unit }: Pick<Limit, "window" | "unit">, scope: string): boolean =>
  limit.scope === scope && limit.window === window && limit.unit === unit;

const noLimit = ({ scope, window, unit }: Pick<Limit, "scope" | "window" | "unit">) =>
  new BridgeError("BUDGET_LIMIT_NOT_FOUND", `No limit of ${scope} per ${window} in ${unit} is set`, { scope });

interface Moment {
  readonly windows: Windows;
  readonly nowMs: number;
  readonly resetsAtMs: number | null;
}

/** The limit as it stands; for `agent:*` also as it stands for each agent that has an entry in this month. */
function statusesOf(sql: Sql, limit: StoredLimit, { windows, nowMs, resetsAtMs }: Moment): LimitStatus[] {
  const parts = scopeParts(limit.scope);
  const isEach = parts?.value === "*" && parts.field !== "task" && parts.field !== "run";
  const balances = isEach ? balancesOfEach(sql, parts.field, limit.window, windows) : undefined;
  const lastHours = isEach ? lastHourOfEach(sql, parts.field, nowMs) : undefined;
  return scopesShown(sql, limit, windows).map((scope) => {
    const balance = balances === undefined ? readBalance : () => balances.get(scope) ?? nothingSpent;
    const present = standing(sql, limit, scope, windows, balance);
    const lastHour = lastHours === undefined ? lastHourOf(sql, scope, nowMs) : (lastHours.get(scope) ?? nothingSpent);
    return { standing: present, ...shares(present), resetsAtMs, ...forecast(present, lastHour, nowMs, resetsAtMs) };
  });
}

function shares({ ceiling, spent, held }: Standing): { remaining: number; percent: number } {
  const bound = ceiling ?? 0;
  return {
    remaining: Math.max(0, bound - spent - held),
    percent: bound === 0 ? 100 : Math.round((spent / bound) * 1_000) / 10,
  };
}

/** A task or a run is shown while it is among those of this many entries: there is no end to their names. */
const newestEntries = 2_000;

function scopesShown(sql: Sql, { scope }: StoredLimit, { month }: Windows): string[] {
  const parts = scopeParts(scope);
  if (parts?.value !== "*") return [scope];
  // The field is one of a closed list.
  const { field } = parts;
  const isRolledUp = field !== "task" && field !== "run";
  const where = isRolledUp
    ? `budget_rollups WHERE month = ? AND ${field} > ''`
    : `budget_entries WHERE month = ? AND ${field} IS NOT NULL AND id > (SELECT MAX(id) FROM budget_entries) - ${newestEntries}`;
  const rows = sql.all(`SELECT DISTINCT ${field} AS value FROM ${where} ORDER BY value LIMIT ?`, month, starScopesMax);
  // The limit itself comes first, so that it is shown before anything was spent.
  return [scope, ...rows.map((row) => `${field}:${row["value"]}`)];
}
