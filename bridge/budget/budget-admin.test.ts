import { describe, expect, test } from "@jest/globals";
import { type BudgetBench, cost, costLimit, usd } from "../../tests/support/budget/budget.ts";
import { budgetBenches, types } from "../../tests/support/budget/budget-benches.ts";

const open = budgetBenches();

describe("BudgetAdmin", () => {
  test("a top-up is one more bound's worth in this window, and gone with it", async () => {
    const bench = await open({ limits: [costLimit("global", "day", usd(1))] });
    const topUp = {
      scope: "global",
      window: "day",
      unit: "cost_nano_usd",
      amount: usd(0.5),
      reason: "a long letter",
    } as const;
    await bench.reserve("a", usd(1));
    await expect(bench.reserve("b", usd(0.5))).rejects.toThrow();
    await bench.admin.topUp(topUp, "agent:mail-1", AbortSignal.timeout(1_000));
    await bench.reserve("b", usd(0.5));
    await expect(bench.reserve("c", 1)).rejects.toThrow();
    bench.clock.advance(86_400_000);
    await expect(bench.reserve("d", usd(1.5))).rejects.toThrow();
    expect(types(bench)).toContain("budget.topped_up");
  });

  test("a limit set by hand stands until the configuration of it changes", async () => {
    const first = await open({ limits: [costLimit("global", "day", 10)] });
    await first.admin.setLimit(costLimit("global", "day", 20), "user:0");
    const reopen = async (bench: BudgetBench, hard: number) => {
      bench.crash();
      return await open({ limits: [costLimit("global", "day", hard)] }, { path: bench.path });
    };
    const same = await reopen(first, 10);
    expect(same.admin.status().limits[0]?.standing.limit).toMatchObject({ hard: 20, origin: "set" });
    const changed = await reopen(same, 15);
    expect(changed.admin.status().limits[0]?.standing.limit).toMatchObject({ hard: 15, origin: "config" });
  });

  test("status says where a limit is going", async () => {
    const bench = await open({ limits: [costLimit("global", "day", 1_000)] });
    await bench.reserve("a", 100);
    await bench.settle("a", 100);
    const [limit] = bench.admin.status().limits;
    expect(limit).toMatchObject({ burnPerHour: 100, exhaustedInMs: 9 * 3_600_000, projected: 1_700 });
  });

  test("report adds up by what is asked for", async () => {
    const bench = await open();
    for (const [id, agent, nano] of [
      ["a", "one-1", 10],
      ["b", "one-1", 20],
      ["c", "two-1", 5],
    ] as const) {
      await bench.reserve(id, 100, { agent, model: "openai/m" });
      await bench.budget.settle(id, { amounts: cost(nano), inputTokens: 3, outputTokens: 2, basis: "provider" });
    }
    const rows = bench.admin.report({ by: ["agent", "day"], fromMs: 0, toMs: bench.clock.now() + 1, rowsMax: 10 });
    expect(rows).toMatchObject([
      {
        keys: { agent: "one-1", day: "2026-11-21" },
        spent: { costNanoUsd: 30, calls: 2 },
        held: { costNanoUsd: 0 },
        inputTokens: 6,
        outputTokens: 4,
      },
      { keys: { agent: "two-1" }, spent: { costNanoUsd: 5 } },
    ]);
  });
});
