import type { GaugeSource } from "../rpc/index.ts";
import type { BudgetAdmin, LimitStatus } from "./budget-admin.ts";

/** The state of each limit, for `/metrics`. */
export function budgetGauges(admin: BudgetAdmin): readonly GaugeSource[] {
  const gauge = (name: string, help: string, pick: (status: LimitStatus) => number | null): GaugeSource => ({
    name,
    help,
    labelNames: ["scope", "window", "unit"],
    read: async () =>
      (await admin.status()).limits.flatMap((status) => {
        const value = pick(status);
        const { scope, limit } = status.standing;
        return value === null ? [] : [{ labels: { scope, window: limit.window, unit: limit.unit }, value }];
      }),
  });
  return [
    gauge(
      "armorclaw_budget_spent",
      "What was spent in the present window; money in nano-dollars",
      ({ standing }) => standing.spent,
    ),
    gauge("armorclaw_budget_held", "What is reserved and not settled", ({ standing }) => standing.held),
    gauge("armorclaw_budget_limit", "The limit with what was granted on top", ({ standing }) => standing.ceiling),
    gauge("armorclaw_budget_burn_per_hour", "What was spent in the last hour", ({ burnPerHour }) => burnPerHour),
    gauge(
      "armorclaw_budget_exhausted_in_ms",
      "The time until the limit at that rate; none when it is not reached in this window",
      ({ exhaustedInMs }) => exhaustedInMs,
    ),
  ];
}
