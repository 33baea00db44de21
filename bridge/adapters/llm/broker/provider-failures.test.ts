import { describe, expect, test } from "@jest/globals";
import { canaryKey } from "../../../../tests/support/budget/broker.ts";
import { brokerBenches, call, ledger, requests } from "../../../../tests/support/budget/broker-benches.ts";
import { costLimit, usd } from "../../../../tests/support/budget/budget.ts";
import { until } from "../../../../tests/support/until.ts";

const benches = brokerBenches();
const { openaiRequest, anthropicRequest } = requests();

describe("a provider in trouble", () => {
  test("is tried again after 429 and 5xx, which cost nothing", async () => {
    const bench = await benches.open();
    benches.provider.next({ status: 429, headers: { "retry-after-ms": "30" } }, { status: 503 });
    await call(bench, openaiRequest());
    expect(benches.provider.requests).toHaveLength(3);
    expect(ledger(bench)).toEqual({ ...benches.billed(), held: 0, calls: 1, bounded: 0 });
  });

  test("is given up after the last attempt, and the reservation is released", async () => {
    const bench = await benches.open();
    benches.provider.next({ status: 500 }, { status: 502 }, { status: 503 });
    await expect(call(bench, openaiRequest())).rejects.toMatchObject({ code: "LLM_PROVIDER_UNAVAILABLE" });
    expect(benches.provider.requests).toHaveLength(3);
    expect(ledger(bench)).toMatchObject({ held: 0, cost: 0 });
  });

  test("is not waited for longer than the configured time", async () => {
    const bench = await benches.open();
    benches.provider.next({ status: 429, headers: { "retry-after": "60" } });
    await expect(call(bench, openaiRequest())).rejects.toMatchObject({
      code: "LLM_PROVIDER_UNAVAILABLE",
      details: { retry_after_ms: 60_000 },
    });
    await expect(call(bench, openaiRequest())).rejects.toMatchObject({ code: "LLM_PROVIDER_UNAVAILABLE" });
    expect(benches.provider.requests).toHaveLength(1);
  });

  test("is replaced by the fallback", async () => {
    const bench = await benches.open({ fallbacks: { "oai/m": ["ant/m"] } });
    benches.provider.next({ status: 500 }, { status: 500 }, { status: 500 });
    const { model } = await call(bench, openaiRequest());
    expect(model).toBe("ant/m");
    expect(bench.published).toMatchObject([{ type: "llm.fallback_used", data: { from: "oai/m", to: "ant/m" } }]);
    expect(ledger(bench)).toEqual({ ...benches.billed(), held: 0, calls: 1, bounded: 0 });
  });

  test("gets no more calls after failures in a row, is reported once, and is tried again later", async () => {
    const bench = await benches.open({ failuresMax: 3, openMs: 2_000 });
    benches.provider.next({ status: 500 }, { status: 500 }, { status: 500 });
    await expect(call(bench, openaiRequest())).rejects.toThrow();
    for (let i = 0; i < 3; i++)
      await expect(call(bench, openaiRequest())).rejects.toMatchObject({ code: "LLM_PROVIDER_UNAVAILABLE" });
    expect(benches.provider.requests).toHaveLength(3);
    await until(
      "the circuit to let one through",
      async () => await call(bench, openaiRequest()).catch(() => undefined),
    );
    expect(bench.published.map(({ type }) => type)).toEqual(["llm.provider_unavailable", "llm.provider_recovered"]);
  });

  test("that refuses is quoted, but not when its text is about the key", async () => {
    const bench = await benches.open();
    benches.provider.next({ status: 400, refusal: "Bad request with KEY" }, { status: 401, refusal: "Wrong key KEY" });
    const errors = [await call(bench, openaiRequest()).catch(String), await call(bench, openaiRequest()).catch(String)];
    expect(errors[0]).toContain("Bad request with [key]");
    expect(errors.join()).not.toContain(canaryKey);
    expect(benches.provider.requests).toHaveLength(2);
    expect(ledger(bench)).toMatchObject({ held: 0, cost: 0 });
  });

  test("that cannot be reached costs nothing", async () => {
    const bench = await benches.open({ baseUrl: "http://127.0.0.1:1" });
    await expect(call(bench, openaiRequest())).rejects.toMatchObject({ code: "LLM_PROVIDER_UNAVAILABLE" });
    expect(ledger(bench)).toMatchObject({ held: 0, cost: 0 });
  });

  test.each([
    ["does not begin to answer", { stallAt: "head" as const }],
    ["breaks off before the answer", { breakAt: "head" as const }],
  ])("that %s is tried again, and the lost attempt is booked at its bound", async (_, behaviour) => {
    const bench = await benches.open({ headMs: 150 });
    benches.provider.next(behaviour);
    await call(bench, openaiRequest());
    const { cost, held, bounded } = ledger(bench);
    expect({ held, bounded }).toEqual({ held: 0, bounded: 1 });
    expect(cost).toBeGreaterThanOrEqual(benches.billed().cost);
  });

  test.each([
    ["falls silent", { stallAt: 3 }],
    ["breaks off", { breakAt: 3, tokenDelayMs: 5 }],
    ["reports an error", { errorAt: 3 }],
  ])("that %s in the middle of a stream ends the answer, booked at its bound", async (_, behaviour) => {
    const bench = await benches.open({ idleMs: 150 });
    benches.provider.next(behaviour);
    await expect(call(bench, openaiRequest({ stream: true }))).rejects.toMatchObject({ code: "LLM_STREAM_FAILED" });
    const { cost, held, bounded } = ledger(bench);
    expect({ held, bounded }).toEqual({ held: 0, bounded: 1 });
    expect(cost).toBeGreaterThanOrEqual(benches.billed().cost);
    expect(benches.provider.requests).toHaveLength(1);
  });

  test.each([
    ["openai", openaiRequest],
    ["anthropic", anthropicRequest],
  ])("that writes more than the requested maximum is cut off (%s)", async (_, ask) => {
    const bench = await benches.open();
    benches.provider.next({ tokens: 500, tokenDelayMs: 1 });
    await expect(call(bench, ask({ stream: true, max_tokens: 10 }))).rejects.toMatchObject({ code: "LLM_CUT" });
    await until("the provider to be left", () => !benches.provider.books[0]?.isWhole);
    expect(benches.provider.books[0]?.outputTokens).toBeLessThan(100);
    expect(bench.published).toMatchObject([{ type: "llm.answer_cut" }]);
    expect(ledger(bench)).toMatchObject({ held: 0, bounded: 1 });
  });

  test("that reports no usage is booked at the bound", async () => {
    const bench = await benches.open();
    benches.provider.next({ usage: "missing" }, { usage: "missing" });
    await call(bench, openaiRequest());
    await call(bench, openaiRequest({ stream: true }));
    expect(ledger(bench)).toMatchObject({ held: 0, bounded: 2 });
    expect(ledger(bench).cost).toBeGreaterThanOrEqual(benches.billed().cost);
  });

  test("that bills more than the bound is booked at its figure, and reported", async () => {
    const bench = await benches.open();
    benches.provider.next({ usageFactor: 100 });
    await call(bench, openaiRequest());
    expect(ledger(bench)).toEqual({ ...benches.billed(), held: 0, calls: 1, bounded: 0 });
    expect(bench.money.published.map(({ type }) => type)).toEqual(["budget.overrun"]);
  });
});

describe("a call that is cancelled", () => {
  test("ends at the provider, too, and is booked at its bound", async () => {
    const bench = await benches.open();
    benches.provider.next({ tokens: 60, tokenDelayMs: 20 });
    const off = new AbortController();
    const running = call(bench, openaiRequest({ stream: true }), off.signal);
    await until("the first token", () => (benches.provider.books[0]?.outputTokens ?? 0) > 0);
    off.abort(new Error("enough"));
    await expect(running).rejects.toThrow("enough");
    const writtenBy = benches.provider.books[0]?.outputTokens ?? 0;
    expect(writtenBy).toBeLessThan(60);
    expect(ledger(bench)).toMatchObject({ held: 0, bounded: 1 });
    expect(ledger(bench).cost).toBeGreaterThanOrEqual(benches.billed().cost);
  });

  test("by its own deadline is reported as a timeout", async () => {
    const bench = await benches.open({ callMs: 150 });
    benches.provider.next({ stallAt: "head" });
    await expect(call(bench, openaiRequest())).rejects.toMatchObject({ code: "TIMED_OUT" });
  });
});

test("after many calls of all kinds at once, the ledger and the provider agree", async () => {
  const bench = await benches.open({ limits: [costLimit("global", "day", usd(5))] });
  for (let i = 0; i < 40; i++) benches.provider.next(i % 5 === 0 ? { status: 500 } : i % 7 === 0 ? { tokens: 3 } : {});
  const all = Array.from({ length: 120 }, (_, i) =>
    (i % 3 === 0 ? anthropicRequest : openaiRequest)({
      stream: i % 2 === 0,
      ...(i % 3 === 1 ? { model: "ant/m" } : {}),
    }),
  );
  const outcomes = await Promise.allSettled(all.map((request) => call(bench, request)));
  expect(outcomes.filter(({ status }) => status === "fulfilled").length).toBeGreaterThan(60);
  const { cost, inputTokens, outputTokens, held } = ledger(bench);
  expect({ cost, inputTokens, outputTokens, held }).toEqual({ ...benches.billed(), held: 0 });
});

describe("what one agent asks for", () => {
  const never = new AbortController().signal;
  const as = (agentId: string) => ({ principal: `agent:${agentId}`, agent: { agentId, loop: "mail", epoch: 1 } });
  const refused = { code: "LLM_PROVIDER_UNAVAILABLE" };

  test.each([
    ["errors of the provider", { status: 500 }],
    ["answers that break off", { breakAt: "head" as const }],
    ["answers that do not begin", { stallAt: "head" as const }],
  ])("and ends in %s stops that agent alone", async (_, behaviour) => {
    const bench = await benches.open({ failuresMax: 3, openMs: 60_000, headMs: 100 });
    benches.provider.next(...Array.from({ length: 3 }, () => behaviour));
    await expect(call(bench, openaiRequest(), never, as("odd-1"))).rejects.toMatchObject(refused);
    await call(bench, openaiRequest(), never, as("good-1"));
    await expect(call(bench, openaiRequest(), never, as("odd-1"))).rejects.toMatchObject(refused);
    await call(bench, openaiRequest(), never, as("good-2"));
  });

  test("and that the provider refuses, is too slow for the agent, or is left by it, counts nowhere", async () => {
    const bench = await benches.open({ failuresMax: 2, openMs: 60_000, callMs: 150 });
    benches.provider.next({ status: 400 }, { status: 408 }, { status: 413 }, { status: 409 }, { status: 422 });
    for (let n = 0; n < 3; n++) await call(bench, openaiRequest(), never, as("odd-1")).catch(() => undefined);
    benches.provider.next({ stallAt: "head" }, { stallAt: "head" }, { stallAt: "head" });
    for (let n = 0; n < 3; n++) await call(bench, openaiRequest(), never, as("odd-1")).catch(() => undefined);
    expect(bench.published).toEqual([]);
    await call(bench, openaiRequest(), never, as("odd-1"));
  });

  test("of one model in vain leaves the provider's other models open", async () => {
    const bench = await benches.open({
      failuresMax: 3,
      openMs: 60_000,
      limits: [costLimit("global", "day", 1_000_000, { unit: "tokens" })],
    });
    const unpriced = () => openaiRequest({ model: "oai/unpriced" });
    benches.provider.next(...Array.from({ length: 4 }, () => ({ status: 500 })));
    await expect(call(bench, unpriced(), never, as("a-1"))).rejects.toMatchObject(refused);
    await expect(call(bench, unpriced(), never, as("a-2"))).rejects.toMatchObject(refused);
    await expect(call(bench, unpriced(), never, as("a-3"))).rejects.toMatchObject(refused);
    expect(bench.published).toMatchObject([{ type: "llm.provider_unavailable", data: { model: "oai/unpriced" } }]);
    await call(bench, openaiRequest(), never, as("a-1"));
  });

  test("finds all models of a provider paused that takes no connections", async () => {
    const bench = await benches.open({ failuresMax: 3, openMs: 60_000, baseUrl: "http://127.0.0.1:1" });
    await expect(call(bench, openaiRequest(), never, as("a-1"))).rejects.toMatchObject(refused);
    await expect(call(bench, openaiRequest(), never, as("a-2"))).rejects.toThrow("it failed too often");
    expect(bench.published).toMatchObject([{ data: { provider: "oai", model: "*" } }]);
  });
});
