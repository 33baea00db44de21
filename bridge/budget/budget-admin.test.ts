import type { AgentId, BudgetDimension, Principal } from "@armorclaw/protocol";
import { describe, expect, test } from "@jest/globals";
import { type BudgetBench, cost, costLimit, usd } from "../../tests/support/budget/budget.ts";
import { budgetBenches, types } from "../../tests/support/budget/budget-benches.ts";

const operator: Principal = { kind: "user", id: "user:0", uid: 0, role: "operator" };
const mail: Principal = { kind: "agent", id: "agent:mail-1", agentId: "mail-1" as AgentId, role: "agent" };

const open = budgetBenches();

describe("BudgetAdmin", () => {
  test("a top-up adds to the limit in this window, and ends with the window", async () => {
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
    await bench.admin.topUp(topUp, operator, AbortSignal.timeout(1_000));
    await expect(bench.admin.topUp(topUp, mail, AbortSignal.timeout(1_000))).rejects.toMatchObject({
      code: "FORBIDDEN",
    });
    await bench.reserve("b", usd(0.5));
    await expect(bench.reserve("c", 1)).rejects.toThrow();
    bench.clock.advance(86_400_000);
    await expect(bench.reserve("d", usd(1.5))).rejects.toThrow();
    expect(types(bench)).toContain("budget.topped_up");
  });

  test("a limit that was set by a call holds until its configuration changes", async () => {
    const first = await open({ limits: [costLimit("global", "day", 10)] });
    await first.admin.setLimit(costLimit("global", "day", 20), "user:0");
    const reopen = async (bench: BudgetBench, hard: number) => {
      bench.crash();
      return await open({ limits: [costLimit("global", "day", hard)] }, { path: bench.path });
    };
    const same = await reopen(first, 10);
    expect((await same.admin.status()).limits[0]?.standing.limit).toMatchObject({ hard: 20, origin: "set" });
    const changed = await reopen(same, 15);
    expect((await changed.admin.status()).limits[0]?.standing.limit).toMatchObject({ hard: 15, origin: "config" });
  });

  test("status forecasts when a limit is used up", async () => {
    const bench = await open({ limits: [costLimit("global", "day", 1_000)] });
    await bench.reserve("a", 100);
    await bench.settle("a", 100);
    const [limit] = (await bench.admin.status()).limits;
    expect(limit).toMatchObject({ burnPerHour: 100, exhaustedInMs: 9 * 3_600_000, projected: 1_700 });
  });

  test("report sums by the requested dimension", async () => {
    const bench = await open();
    for (const [id, agent, nano] of [
      ["a", "one-1", 10],
      ["b", "one-1", 20],
      ["c", "two-1", 5],
    ] as const) {
      await bench.reserve(id, 100, { agent, model: "openai/m" });
      await bench.budget.settle(id, { amounts: cost(nano), inputTokens: 3, outputTokens: 2, basis: "provider" });
    }
    const rows = await bench.admin.report({
      by: ["agent", "day"],
      fromMs: 0,
      toMs: bench.clock.now() + 1,
      rowsMax: 10,
    });
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

const hourMs = 3_600_000;

/** Makes two days of calls of three agents, some of which are booked at the bound, corrected late, or never settled. */
async function fill(bench: BudgetBench) {
  for (let at = 0; at < 150; at += 1) {
    const agent = at % 4 === 0 ? undefined : `a-${at % 3}`;
    const model = at % 2 === 0 ? "oai/m" : undefined;
    await bench.reserve(`r${at}`, 100, { agent, model, task: `t${at % 5}` }, { onExpiry: "spend", leaseMs: hourMs });
    if (at % 7 !== 0) await bench.settle(`r${at}`, at);
    if (at % 14 === 0) {
      bench.clock.advance(hourMs);
      await bench.budget.sweep();
      await bench.settle(`r${at}`, 3);
    }
    bench.clock.advance(1_153_000);
  }
}

describe("the rollups", () => {
  const limits = (["day", "week", "month", "all"] as const).flatMap((window) => [
    costLimit("agent:*", window, 1_000_000),
    costLimit("model:*", window, 1_000_000),
    costLimit("task:*", window, 1_000_000),
    costLimit("global", window, 1_000_000),
  ]);

  test("show the same sums of each limit as the entries", async () => {
    const bench = await open({ limits });
    await fill(bench);
    const { limits: shown } = await bench.admin.status();
    expect(shown.length).toBeGreaterThan(36);
    const { day, week, month } = { day: "day", week: "week", month: "month" };
    for (const { standing } of shown) {
      const [field = "", value = ""] = standing.scope.split(":");
      const window = { day, week, month }[standing.limit.window as "day"];
      const conditions = [
        standing.scope === "global" ? "1" : `${field} = '${value}'`,
        window === undefined ? "1" : `${window} = '${standing.windowId}'`,
      ];
      const row = bench.store.read((sql) =>
        sql.get(
          `SELECT TOTAL(spent_nano_usd) AS spent, TOTAL(held_nano_usd) AS held FROM budget_entries WHERE ${conditions.join(" AND ")}`,
        ),
      );
      expect({ scope: standing.scope, spent: standing.spent, held: standing.held }).toEqual({
        scope: standing.scope,
        spent: row?.["spent"],
        held: row?.["held"],
      });
    }
  });

  test.each<[BudgetDimension[]]>([[[]], [["agent"]], [["model", "day"]], [["agent", "hour"]]])(
    "report by %j the sum of the entries between any two moments",
    async (by) => {
      const bench = await open();
      const startMs = bench.clock.now();
      await fill(bench);
      for (const [fromMs, toMs] of [
        [0, Number.MAX_SAFE_INTEGER],
        [startMs + 1, startMs + 20 * hourMs + 77],
        [startMs + 5_000, startMs + 2_400_000],
        [startMs + 3 * hourMs, startMs + 9 * hourMs],
        [startMs + 9 * hourMs, startMs + 3 * hourMs],
      ] as const) {
        const whole = await bench.admin.report({ by, fromMs, toMs, rowsMax: 1_000 });
        // A report by task reads the entries.
        const entries = await bench.admin.report({ by: [...by, "task"], fromMs, toMs, rowsMax: 10_000 });
        const sum = (rows: typeof whole) => {
          const sums = new Map<string, number[]>();
          for (const { keys, spent, held, bounded } of rows) {
            const key = JSON.stringify(by.map((name) => keys[name]));
            const before = sums.get(key) ?? [0, 0, 0, 0];
            const after = [spent.costNanoUsd, spent.calls, held.costNanoUsd, bounded];
            sums.set(
              key,
              before.map((value, at) => value + (after[at] ?? 0)),
            );
          }
          return [...sums].filter(([, values]) => by.length > 0 || values.some((value) => value !== 0)).toSorted();
        };
        expect(sum(whole)).toEqual(sum(entries));
      }
    },
  );

  test("are summed without a scan of the entries", async () => {
    const bench = await open({ limits });
    await bench.reserve("a", 1, { agent: "a-1", task: "t1", run: "r1" });
    const plan = (text: string, ...values: (string | number)[]) =>
      bench.store.read((sql) => sql.all(`EXPLAIN QUERY PLAN ${text}`, ...values).map((row) => String(row["detail"])));
    for (const text of [
      "SELECT TOTAL(spent_nano_usd) FROM budget_entries WHERE month = 'x' AND task = 't1'",
      "SELECT TOTAL(spent_nano_usd) FROM budget_entries WHERE 1 AND run = 'r1'",
      "SELECT agent, TOTAL(spent_nano_usd) FROM budget_entries WHERE at_ms > 5 AND agent IS NOT NULL GROUP BY agent",
      "SELECT COUNT(*) FROM budget_open WHERE agent = 'a-1'",
    ])
      expect(plan(text).filter((line) => line.startsWith("SCAN"))).toEqual([]);
  });
});

test("the last hour of a limit for `*` is each agent's own", async () => {
  const bench = await open({ limits: [costLimit("agent:*", "day", 1_000)] });
  await bench.reserve("old", 500, { agent: "a-1" });
  await bench.settle("old", 500);
  bench.clock.advance(2 * hourMs);
  await bench.reserve("new", 40, { agent: "a-1" });
  await bench.budget.settle("new", { amounts: cost(40), inputTokens: 0, outputTokens: 0, basis: "provider" });
  expect((await bench.admin.status()).limits).toMatchObject([
    { burnPerHour: 0, standing: { scope: "agent:*", spent: 0 } },
    { burnPerHour: 40, standing: { scope: "agent:a-1", spent: 540 } },
  ]);
});

test("an agent sees the limits that bound it, a person every limit", async () => {
  const scopes = ["global", "agent:mail-1", "loop:mail", "agent:other-1", "loop:other"];
  const { admin } = await open({ limits: scopes.map((scope) => costLimit(scope, "day", 100)) });
  const shown = async (query: { agent?: string; scope?: string }) =>
    (await admin.status(query)).limits.map(({ standing, remaining }) => [standing.scope, remaining]);
  expect(await shown({})).toHaveLength(5);
  expect((await shown({ agent: "mail-1" })).sort()).toEqual([
    ["agent:mail-1", 100],
    ["global", 100],
    ["loop:mail", 100],
  ]);
  expect(await shown({ agent: "mail-1", scope: "agent:other-1" })).toEqual([]);
});
