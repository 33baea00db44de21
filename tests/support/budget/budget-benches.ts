import { afterEach } from "@jest/globals";
import { type BudgetBench, openBudget } from "./budget.ts";

/** Opens budgets for a file's tests and closes each one after its test. */
export function budgetBenches(): typeof openBudget {
  const benches: BudgetBench[] = [];
  afterEach(async () => {
    for (const bench of benches.splice(0)) await bench.close();
  });
  return async (...args) => {
    const bench = await openBudget(...args);
    benches.push(bench);
    return bench;
  };
}

/** The types of the events that were published. */
export const types = ({ published }: BudgetBench): string[] => published.map(({ type }) => type);

/** The levels that were published. */
export const levels = ({ published }: BudgetBench): unknown[] =>
  published.flatMap(({ data }) => (data["level"] === undefined ? [] : [data["level"]]));

/** Returns the amounts that the first limit of the scope has reserved and spent. */
export async function spentIn({ admin }: BudgetBench, scope = "global") {
  const { limits } = await admin.status();
  const found = limits.find(({ standing }) => standing.scope === scope);
  return { held: found?.standing.held, spent: found?.standing.spent };
}
