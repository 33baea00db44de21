import { describe, expect, test } from "@jest/globals";
import { costLimit } from "../../tests/support/budget/budget.ts";
import { budgetBenches, levels, types } from "../../tests/support/budget/budget-benches.ts";

const open = budgetBenches();

describe("alerts", () => {
  test("each level is published once in a window, also after a restart", async () => {
    const bench = await open({ limits: [costLimit("global", "day", 100)] });
    for (let i = 0; i < 20; i++) {
      await bench.reserve(`r${i}`, 5);
      await bench.settle(`r${i}`, 5);
    }
    for (let i = 0; i < 5; i++) await expect(bench.reserve(`x${i}`, 5)).rejects.toThrow();
    expect(levels(bench)).toEqual(["50", "80", "95", "100"]);
    expect(types(bench).filter((type) => type === "budget.exhausted")).toHaveLength(1);
    bench.clock.advance(86_400_000);
    await bench.reserve("next", 60);
    await bench.settle("next", 60);
    expect(levels(bench)).toEqual(["50", "80", "95", "100", "50"]);
  });

  test("a soft limit publishes an event and refuses nothing", async () => {
    const bench = await open({ limits: [costLimit("global", "day", 100, { soft: 10 })] });
    await bench.reserve("a", 20);
    await bench.settle("a", 20);
    expect(levels(bench)).toEqual(["soft"]);
    const softOnly = await open({ limits: [costLimit("global", "day", 0, { soft: 10, hard: null })] });
    await softOnly.reserve("a", 1_000);
    await softOnly.settle("a", 1_000);
    expect(levels(softOnly)).toEqual(["50", "80", "95", "100"]);
  });

  test("what was recorded and not published is published by the next bridge", async () => {
    const first = await open({ limits: [costLimit("global", "day", 100)] });
    await first.reserve("a", 60);
    await first.settle("a", 60);
    await first.store.write((sql) => sql.run("UPDATE budget_alerts SET published = 0"));
    first.crash();
    const next = await open({ limits: [costLimit("global", "day", 100)] }, { path: first.path });
    expect(levels(next)).toEqual(["50"]);
  });
});

describe("a hard limit that acts on the agent", () => {
  test("freezes it until the window is over", async () => {
    const bench = await open({ limits: [costLimit("agent:*", "day", 10, { onHard: "freeze" })] });
    await bench.reserve("a", 10, { agent: "mail-1" });
    await expect(bench.reserve("b", 5, { agent: "mail-1" })).rejects.toMatchObject({ code: "BUDGET_EXCEEDED" });
    await bench.budget.release("a");
    await expect(bench.reserve("c", 1, { agent: "mail-1" })).rejects.toMatchObject({ code: "BUDGET_FROZEN" });
    expect(bench.held).toEqual(["freeze mail-1"]);
    bench.clock.advance(16 * 3_600_000);
    await bench.budget.sweep();
    expect(bench.held).toEqual(["freeze mail-1", "thaw mail-1"]);
    await bench.reserve("d", 1, { agent: "mail-1" });
  });

  test("resumes it when the limit is raised", async () => {
    const bench = await open({ limits: [costLimit("agent:mail-1", "day", 10, { onHard: "freeze" })] });
    await expect(bench.reserve("b", 11, { agent: "mail-1" })).rejects.toThrow();
    await bench.admin.setLimit(costLimit("agent:mail-1", "day", 20, { onHard: "freeze" }), "user:0");
    expect(bench.held).toEqual(["freeze mail-1", "thaw mail-1"]);
    await bench.reserve("c", 11, { agent: "mail-1" });
  });

  test("stops it", async () => {
    const bench = await open({ limits: [costLimit("global", "day", 10, { onHard: "stop" })] });
    await expect(bench.reserve("b", 11, { agent: "mail-1" })).rejects.toThrow();
    expect(bench.held).toEqual(["stop mail-1"]);
  });
});
