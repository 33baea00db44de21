import { describe, expect, test } from "@jest/globals";
import { cost, costLimit } from "../../tests/support/budget/budget.ts";
import { budgetBenches, spentIn } from "../../tests/support/budget/budget-benches.ts";
import { nothing } from "./amounts.ts";
import { Reservations, type Wanted } from "./reservations.ts";
import { ServicePrices } from "./service-prices.ts";

const open = budgetBenches();
const own = { agent: "mail-1", loop: "mail" };
const global = costLimit("global", "day", 1_000);

async function bench(...limits: ReturnType<typeof costLimit>[]) {
  const money = await open({ limits: [global, ...limits] });
  const reservations = new Reservations({
    budget: money.budget,
    services: new ServicePrices(new Map([["sms", 5]])),
    agents: { loopOf: () => own.loop },
    clock: money.clock,
  });
  const ids = new Map<string, string>();
  return {
    ...money,
    reserve: async (name: string, costNanoUsd: number, more: Partial<Wanted> = {}) => {
      const wanted = { quantity: 1, tokens: 0, durationMs: 0, leaseMs: 60_000, costNanoUsd, ...more };
      ids.set(name, (await reservations.reserve(own.agent, wanted)).id);
    },
    settle: (name: string, nanoUsd: number, agent = own.agent) =>
      reservations.settle(agent, ids.get(name) ?? name, {
        amounts: cost(nanoUsd),
        inputTokens: 0,
        outputTokens: 0,
        basis: "reported",
      }),
  };
}

describe("Reservations.reserve()", () => {
  test("refuses an agent that has only shared limits", async () => {
    const { reserve } = await bench(costLimit("agent:other-1", "day", 100), costLimit("loop:other", "day", 100));
    await expect(reserve("a", 0)).rejects.toMatchObject({ code: "BUDGET_NOT_GRANTED" });
  });

  test.each(["agent:mail-1", "agent:*", "loop:mail", "loop:*"])("serves an agent with a limit on %s", async (scope) => {
    const { reserve } = await bench(costLimit(scope, "day", 100));
    await reserve("a", 100);
    await expect(reserve("b", 1)).rejects.toMatchObject({
      code: "BUDGET_EXCEEDED",
      details: { scope: scope.replace("*", scope === "agent:*" ? "mail-1" : "mail") },
    });
  });

  test.each([{ unit: "calls" as const }, { hard: null, soft: 5 }])(
    "does not accept %j as a bound of cost",
    async (more) => {
      const { reserve } = await bench(costLimit("agent:mail-1", "day", 100, more));
      await expect(reserve("a", 1)).rejects.toMatchObject({ code: "BUDGET_NOT_GRANTED" });
    },
  );

  test("bounds the rate and the number of reservations, whatever they cost", async () => {
    const { reserve, settle, clock } = await bench(costLimit("agent:mail-1", "day", 100));
    let made = 0;
    const flood = async () => {
      for (let at = 0; at < 200; at += 1) {
        try {
          await reserve(`r${made}`, 0, { leaseMs: 86_400_000 });
          made += 1;
        } catch (error) {
          return error;
        }
      }
      return undefined;
    };
    expect(await flood()).toMatchObject({ code: "RATE_LIMITED", details: { retry_after_ms: 1_000 } });
    expect(made).toBe(60);
    clock.advance(60_000);
    expect(await flood()).toMatchObject({ code: "RATE_LIMITED", message: expect.stringContaining("100 open") });
    await settle("r0", 0);
    await reserve("one more", 0);
  });
});

describe("what a reservation costs", () => {
  const limit = costLimit("agent:mail-1", "day", 1_000);

  test("is the service's price, or more where the caller says so, never less", async () => {
    const money = await bench(limit);
    await money.reserve("a", 0, { service: "sms", quantity: 2 });
    expect(await spentIn(money)).toMatchObject({ held: 10 });
    await money.reserve("b", 20, { service: "sms", quantity: 2 });
    expect(await spentIn(money)).toMatchObject({ held: 30 });
  });

  test("must be named for a service without a price", async () => {
    const { reserve } = await bench(limit);
    const wanted = { service: "pigeon.post", costNanoUsd: undefined };
    await expect(reserve("a", 0, wanted)).rejects.toMatchObject({
      code: "PRICE_UNKNOWN",
      details: { service: "pigeon.post" },
    });
    await reserve("b", 10, { service: "pigeon.post" });
  });

  test("is never put on another agent by an agent", async () => {
    const { reserve } = await bench(limit);
    await expect(reserve("a", 1, { agent: "other-1" })).rejects.toMatchObject({ code: "FORBIDDEN" });
  });
});

describe("Reservations.settle()", () => {
  test("books no more than was reserved, in any unit, and leaves the reservation open", async () => {
    const money = await bench(costLimit("agent:mail-1", "day", 100));
    await money.reserve("a", 50);
    await expect(money.settle("a", 51)).rejects.toMatchObject({ code: "INVALID_PARAMS" });
    expect(await spentIn(money)).toEqual({ held: 50, spent: 0 });
    await money.settle("a", 50);
    expect(await spentIn(money)).toEqual({ held: 0, spent: 50 });
  });

  test("books an expired reservation only within the limits' room", async () => {
    const money = await bench(costLimit("agent:mail-1", "day", 100));
    await money.reserve("a", 90);
    money.clock.advance(60_000);
    await money.budget.sweep();
    await money.reserve("b", 90);
    await expect(money.settle("a", 90)).rejects.toMatchObject({ code: "BUDGET_EXCEEDED" });
    await money.settle("a", 10);
    await expect(money.settle("a", 0)).rejects.toMatchObject({ code: "RESERVATION_NOT_FOUND" });
  });

  test("cannot settle another agent's reservation, nor one that the bridge made for the agent", async () => {
    const money = await bench(costLimit("agent:mail-1", "day", 100));
    await money.reserve("a", 10);
    await expect(money.settle("a", 1, "other-1")).rejects.toMatchObject({ code: "RESERVATION_NOT_FOUND" });
    const call = { id: "call", attribution: own, amounts: cost(10), leaseMs: 60_000, onExpiry: "spend" } as const;
    await money.budget.reserve(call);
    await expect(money.settle("call", 0)).rejects.toMatchObject({ code: "RESERVATION_NOT_FOUND" });
    money.clock.advance(60_000);
    await money.budget.sweep();
    await expect(money.settle("call", 0)).rejects.toMatchObject({ code: "RESERVATION_NOT_FOUND" });
  });
});

describe("amounts that overflow a sum", () => {
  test("are refused when they are reserved, and bounded when they are booked", async () => {
    const { budget, admin, clock } = await open({ limits: [costLimit("agent:*", "all", 1)] });
    const huge = { ...nothing, tokens: Number.MAX_SAFE_INTEGER };
    const request = { attribution: {}, leaseMs: 60_000, onExpiry: "spend" } as const;
    await expect(budget.reserve({ ...request, id: "a", amounts: huge })).rejects.toMatchObject({
      code: "INVALID_PARAMS",
    });
    for (let at = 0; at < 1_100; at += 1) {
      await budget.reserve({ ...request, id: `r${at}`, amounts: nothing });
      await budget.settle(`r${at}`, { amounts: huge, inputTokens: 0, outputTokens: 0, basis: "provider" });
    }
    const [row] = await admin.report({ by: [], fromMs: 0, toMs: clock.now() + 1, rowsMax: 1 });
    expect(row?.spent.tokens).toBe(Number.MAX_SAFE_INTEGER);
  });
});
