import { describe, expect, test } from "@jest/globals";
import { costLimit } from "../../tests/support/budget/budget.ts";
import { budgetBenches, spentIn, types } from "../../tests/support/budget/budget-benches.ts";
import { ManualClock } from "../../tests/support/manual-clock.ts";

const open = budgetBenches();

describe("Budget.reserve()", () => {
  test("reserves up to the limit and not a nano-dollar more", async () => {
    const bench = await open({ limits: [costLimit("global", "day", 100)] });
    await bench.reserve("a", 60);
    await bench.reserve("b", 40);
    await expect(bench.reserve("c", 1)).rejects.toMatchObject({
      code: "BUDGET_EXCEEDED",
      details: {
        scope: "global",
        window: "day",
        window_id: "2026-11-21",
        limit: 100,
        held: 100,
        asked: 1,
        resets_at: "2026-11-22T00:00:00.000Z",
      },
    });
  });

  test("admits exactly what fits of many reservations at once", async () => {
    const bench = await open({ limits: [costLimit("global", "day", 1_000)] });
    const outcomes = await Promise.allSettled(Array.from({ length: 100 }, (_, i) => bench.reserve(`r${i}`, 30)));
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(33);
    expect(await spentIn(bench)).toEqual({ held: 990, spent: 0 });
  });

  test.each([
    ["provider:openai", { provider: "openai" }],
    ["model:openai/gpt-5", { model: "openai/gpt-5" }],
    ["loop:mail", { loop: "mail" }],
    ["agent:mail-1", { agent: "mail-1" }],
    ["task:t1", { task: "t1" }],
    ["run:r1", { run: "r1" }],
  ])("succeeds only with room in the scope %s, and does not affect others", async (scope, attribution) => {
    const bench = await open({ limits: [costLimit("global", "month", 1_000), costLimit(scope, "day", 10)] });
    await bench.reserve("a", 10, attribution);
    await expect(bench.reserve("b", 1, attribution)).rejects.toMatchObject({
      code: "BUDGET_EXCEEDED",
      details: { scope },
    });
    await bench.reserve("c", 500, { agent: "other-1" });
  });

  test("gives each agent a limit of its own under agent:*", async () => {
    const bench = await open({ limits: [costLimit("agent:*", "day", 10)] });
    await bench.reserve("a", 10, { agent: "one-1" });
    await bench.reserve("b", 10, { agent: "two-1" });
    await expect(bench.reserve("c", 1, { agent: "one-1" })).rejects.toMatchObject({
      details: { scope: "agent:one-1" },
    });
  });

  test.each([
    ["tokens", { costNanoUsd: 0, tokens: 6, calls: 1, durationMs: 0 }],
    ["calls", { costNanoUsd: 0, tokens: 0, calls: 6, durationMs: 0 }],
    ["duration_ms", { costNanoUsd: 0, tokens: 0, calls: 1, durationMs: 6 }],
  ] as const)("counts %s too", async (unit, amounts) => {
    const bench = await open({ limits: [costLimit("global", "hour", 10, { unit })] });
    await bench.reserve("a", 0, {}, { amounts });
    await expect(bench.reserve("b", 0, {}, { amounts })).rejects.toMatchObject({ details: { unit, window: "hour" } });
  });

  test("refuses an id that was used before", async () => {
    const bench = await open();
    await bench.reserve("a", 1);
    await expect(bench.reserve("a", 1)).rejects.toThrow(/UNIQUE/);
  });
});

describe("Budget.settle()", () => {
  test("releases the reservation and books the actual cost, once", async () => {
    const bench = await open({ limits: [costLimit("global", "day", 100)] });
    await bench.reserve("a", 90);
    await bench.settle("a", 20);
    expect(await spentIn(bench)).toEqual({ held: 0, spent: 20 });
    await expect(bench.settle("a", 20)).rejects.toMatchObject({ code: "RESERVATION_NOT_FOUND" });
    await bench.reserve("b", 80);
  });

  test("books the actual cost when it exceeds the reservation, and reports that", async () => {
    const bench = await open({ limits: [costLimit("global", "day", 100)] });
    await bench.reserve("a", 10);
    await bench.settle("a", 130);
    expect(await spentIn(bench)).toEqual({ held: 0, spent: 130 });
    expect(bench.published).toContainEqual({
      type: "budget.overrun",
      data: { reservation_id: "a", agent_id: null, scope: "global", reserved_nano_usd: 10, cost_nano_usd: 130 },
    });
  });

  test("books into the window of the reservation", async () => {
    const bench = await open({ limits: [costLimit("global", "day", 100)] });
    bench.clock.advance(15.99 * 3_600_000);
    await bench.reserve("a", 90);
    bench.clock.advance(120_000 - 60_000 - 1);
    await bench.settle("a", 90);
    bench.clock.advance(60_000);
    expect(await spentIn(bench)).toEqual({ held: 0, spent: 0 });
  });

  test("a release returns the whole reservation", async () => {
    const bench = await open({ limits: [costLimit("global", "day", 100)] });
    await bench.reserve("a", 90);
    await bench.budget.release("a");
    await bench.budget.release("a");
    expect(await spentIn(bench)).toEqual({ held: 0, spent: 0 });
  });
});

describe("a reservation that nobody settles", () => {
  test("is released when its lease ends, and a late settlement is still booked", async () => {
    const bench = await open({ limits: [costLimit("global", "day", 100)] });
    await bench.reserve("a", 90, { agent: "mail-1" });
    bench.clock.advance(60_000);
    await bench.budget.sweep();
    expect(await spentIn(bench)).toEqual({ held: 0, spent: 0 });
    expect(types(bench)).toEqual(["budget.expired"]);
    await bench.settle("a", 30);
    expect(await spentIn(bench)).toEqual({ held: 0, spent: 30 });
    await expect(bench.settle("a", 30)).rejects.toMatchObject({ code: "RESERVATION_NOT_FOUND" });
  });

  test("is booked in full when the money may be spent, and corrected when the cost is known", async () => {
    const bench = await open({ limits: [costLimit("global", "day", 100)] });
    await bench.reserve("a", 90, {}, { onExpiry: "spend" });
    bench.clock.advance(60_000);
    await bench.budget.sweep();
    expect(await spentIn(bench)).toEqual({ held: 0, spent: 90 });
    await bench.settle("a", 12);
    expect(await spentIn(bench)).toEqual({ held: 0, spent: 12 });
  });
});

describe("windows", () => {
  const daily = { limits: [costLimit("global", "day", 100)] };

  test("a new day resets the limit", async () => {
    const bench = await open(daily);
    await bench.reserve("a", 100);
    await expect(bench.reserve("b", 1)).rejects.toMatchObject({ code: "BUDGET_EXCEEDED" });
    bench.clock.advance(16 * 3_600_000);
    await bench.reserve("c", 100);
  });

  test("a clock that jumps ahead and back never opens the same window twice", async () => {
    const bench = await open(daily);
    const day = 86_400_000;
    const spendAll = async (id: string) => {
      await bench.reserve(id, 100);
      await bench.settle(id, 100);
    };
    await spendAll("today");
    bench.clock.advance(day);
    await spendAll("tomorrow");
    bench.clock.advance(-day);
    await expect(bench.reserve("again", 1)).rejects.toMatchObject({ code: "BUDGET_EXCEEDED" });
    bench.clock.advance(day);
    await expect(bench.reserve("tomorrow again", 1)).rejects.toMatchObject({ code: "BUDGET_EXCEEDED" });
  });

  test("the next bridge restores its sums from the entries alone", async () => {
    const first = await open(daily);
    await first.reserve("a", 70);
    await first.settle("a", 70);
    await first.reserve("b", 20);
    first.crash();
    const next = await open(daily, { path: first.path, clock: new ManualClock() });
    expect(await spentIn(next)).toEqual({ held: 20, spent: 70 });
    await expect(next.reserve("c", 11)).rejects.toMatchObject({ code: "BUDGET_EXCEEDED" });
    await next.settle("b", 5);
  });

  test("entries can be neither changed nor deleted", async () => {
    const bench = await open();
    await bench.reserve("a", 1);
    for (const text of ["DELETE FROM budget_entries", "UPDATE budget_entries SET spent_nano_usd = 0"]) {
      await expect(bench.store.write((sql) => sql.run(text))).rejects.toThrow("append-only");
    }
  });
});
