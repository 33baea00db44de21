import { join } from "node:path";
import {
  Budget,
  BudgetAdmin,
  type BudgetSettings,
  budgetMigrations,
  type Limit,
  nothing,
} from "../../../bridge/budget/index.ts";
import { silentLogger } from "../../../bridge/logging/index.ts";
import { Calendar } from "../../../bridge/platform/calendar.ts";
import type { Clock } from "../../../bridge/platform/clock.ts";
import { Store } from "../../../bridge/store/index.ts";
import { ManualClock } from "../manual-clock.ts";
import { tempDirectory } from "../temp.ts";

export const usd = (dollars: number): number => Math.round(dollars * 1e9);
export const cost = (costNanoUsd: number) => ({ ...nothing, costNanoUsd, calls: 1 });

/** A hard limit on cost. */
export const costLimit = (scope: string, window: Limit["window"], hard: number, more: Partial<Limit> = {}): Limit => ({
  scope,
  window,
  unit: "cost_nano_usd",
  soft: null,
  hard,
  onHard: "refuse",
  ...more,
});

export interface BudgetBench {
  readonly store: Store;
  readonly path: string;
  readonly clock: ManualClock;
  readonly budget: Budget;
  readonly admin: BudgetAdmin;
  readonly published: { type: string; data: Readonly<Record<string, unknown>> }[];
  /** The actions on agents, e.g. `freeze mail-1`. */
  readonly held: string[];
  reserve(id: string, nanoUsd: number, attribution?: object, more?: object): Promise<void>;
  settle(id: string, nanoUsd: number): Promise<void>;
  /** Ends it like a crash: nothing is published, swept or settled any more. The directory stays. */
  crash(): void;
  close(): Promise<void>;
}

/** A budget on a real store, with a clock that the test moves. */
export async function openBudget(
  settings: Partial<BudgetSettings> = {},
  options: { path?: string; timeZone?: string; clock?: ManualClock } = {},
): Promise<BudgetBench> {
  const directory = options.path === undefined ? tempDirectory() : undefined;
  const path = options.path ?? join(directory?.path ?? "", "store.db");
  const clock = options.clock ?? new ManualClock();
  const store = new Store(path, budgetMigrations, new Date(clock.now()).toISOString());
  const published: BudgetBench["published"] = [];
  const held: string[] = [];
  const deps = {
    store,
    clock: clock as Clock,
    calendar: new Calendar(options.timeZone ?? "UTC"),
    publish: (type: string, _: string, data: Readonly<Record<string, unknown>>) => void published.push({ type, data }),
    agentHold: {
      freeze: async (agent: string) => void held.push(`freeze ${agent}`),
      thaw: async (agent: string) => void held.push(`thaw ${agent}`),
      stop: async (agent: string) => void held.push(`stop ${agent}`),
    },
    logger: silentLogger,
  };
  const budget = new Budget(deps, { limits: [], thresholds: [50, 80, 95, 100], sweepEveryMs: 1_000, ...settings });
  await budget.start();
  let approvals = 0;
  let isOpen = true;
  const admin = new BudgetAdmin({
    ...deps,
    budget,
    agents: { loopOf: (agent: string) => agent.replace(/-\d+$/, "") },
    unknownScope: () => undefined,
    approvals: { ask: async () => ({ approvalId: `a${++approvals}`, approvedBy: "user:0" }) },
  });
  return {
    store,
    path,
    clock,
    budget,
    admin,
    published,
    held,
    reserve: (id, nanoUsd, attribution = {}, more = {}) =>
      budget.reserve({ id, attribution, amounts: cost(nanoUsd), leaseMs: 60_000, onExpiry: "release", ...more }),
    settle: (id, nanoUsd) =>
      budget.settle(id, { amounts: cost(nanoUsd), inputTokens: 0, outputTokens: 0, basis: "provider" }),
    crash() {
      isOpen = false;
      store.close();
    },
    async close() {
      if (isOpen) await budget.stop();
      store.close();
      directory?.[Symbol.dispose]();
    },
  };
}
