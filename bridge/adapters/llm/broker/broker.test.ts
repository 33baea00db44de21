import { describe, expect, test } from "@jest/globals";
import { canaryKey, outputNano } from "../../../../tests/support/budget/broker.ts";
import { brokerBenches, call, ledger, requests } from "../../../../tests/support/budget/broker-benches.ts";
import { costLimit, usd } from "../../../../tests/support/budget/budget.ts";

const benches = brokerBenches();
const { openaiRequest, anthropicRequest } = requests();

describe("ModelBroker.chat()", () => {
  test.each([
    ["openai to openai", openaiRequest],
    ["anthropic to anthropic", anthropicRequest],
    ["openai to anthropic", (more: object = {}) => openaiRequest({ model: "ant/m", ...more })],
  ])("%s: answers whole and streamed, and books the provider's price to the nano-dollar", async (_, ask) => {
    const bench = await benches.open({ limits: [costLimit("global", "day", usd(1))] });
    const whole = await call(bench, ask());
    const streamed = await call(bench, ask({ stream: true }));
    expect(JSON.stringify(whole.reply)).toContain("word word");
    expect(streamed.text).toContain("word ");
    expect(ledger(bench)).toEqual({ ...benches.billed(), held: 0, calls: 2, bounded: 0 });
    expect(benches.provider.books).toHaveLength(2);
    expect(streamed.costNanoUsd + whole.costNanoUsd).toBe(benches.billed().cost);
  });

  test("passes tools through, also between dialects", async () => {
    const bench = await benches.open();
    const tools = [
      { type: "function", function: { name: "look", description: "Looks", parameters: { type: "object" } } },
    ];
    const behaviour = { toolCall: { name: "look", input: { at: "mail" } } };
    benches.provider.next(behaviour, behaviour, behaviour);
    const same = await call(bench, openaiRequest({ tools }));
    const other = await call(bench, openaiRequest({ model: "ant/m", tools }));
    const streamed = await call(bench, openaiRequest({ model: "ant/m", tools, stream: true }));
    const toolCall = { type: "function", function: { name: "look", arguments: '{"at":"mail"}' } };
    for (const { reply } of [same, other]) {
      expect(reply).toMatchObject({ choices: [{ finish_reason: "tool_calls", message: { tool_calls: [toolCall] } }] });
    }
    expect(streamed.text).toContain('"name":"look"');
    expect(streamed.text).toContain('{\\"at\\":\\"mail\\"}');
    expect(benches.provider.requests[1]?.body).toMatchObject({
      tools: [{ name: "look", input_schema: { type: "object" } }],
    });
  });

  test("sends the provider a bound on the answer, and the provider's key", async () => {
    const bench = await benches.open();
    await call(bench, openaiRequest({ max_tokens: undefined }));
    await call(bench, anthropicRequest({ max_tokens: 12 }));
    expect(benches.provider.requests[0]).toMatchObject({
      body: { max_completion_tokens: 64 },
      headers: { authorization: `Bearer ${canaryKey}` },
    });
    expect(benches.provider.requests[1]).toMatchObject({
      body: { max_tokens: 12 },
      headers: { "x-api-key": canaryKey },
    });
  });

  test("refuses a call that the budget has no room for before it is made", async () => {
    const bench = await benches.open({ limits: [costLimit("agent:mail-1", "day", 64 * outputNano)] });
    await expect(call(bench, openaiRequest())).rejects.toMatchObject({ code: "BUDGET_EXCEEDED" });
    expect(benches.provider.requests).toHaveLength(0);
  });

  test("refuses a model without a price, unless a hard limit in tokens bounds it", async () => {
    const bench = await benches.open();
    await expect(call(bench, openaiRequest({ model: "oai/unpriced" }))).rejects.toMatchObject({
      code: "PRICE_UNKNOWN",
    });
    expect(benches.provider.requests).toHaveLength(0);
    await bench.money.admin.setLimit(costLimit("model:oai/unpriced", "day", 10_000, { unit: "tokens" }), "user:0");
    await call(bench, openaiRequest({ model: "oai/unpriced" }));
    expect(ledger(bench)).toMatchObject({ cost: 0, outputTokens: 8 });
  });

  test.each([
    ["a model that is not on the agent's list", { policy: { models: ["ant/*"] } }, {}, "LLM_MODEL_NOT_ALLOWED"],
    ["a model that no provider offers", {}, { model: "gpt-9" }, "LLM_MODEL_NOT_FOUND"],
    ["a web search", {}, { web_search_options: {} }, "LLM_REQUEST_REFUSED"],
    ["an answer as sound", {}, { modalities: ["text", "audio"] }, "LLM_REQUEST_REFUSED"],
    ["the provider's own tools", {}, { tools: [{ type: "web_search" }] }, "LLM_REQUEST_REFUSED"],
    [
      "an image that the provider would fetch",
      {},
      { messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: "https://x" } }] }] },
      "LLM_REQUEST_REFUSED",
    ],
    ["several answers at once", {}, { n: 2 }, "LLM_REQUEST_REFUSED"],
  ])("refuses %s", async (_, options, more, code) => {
    const bench = await benches.open(options);
    await expect((async () => await call(bench, openaiRequest(more)))()).rejects.toMatchObject({ code });
    expect(benches.provider.requests).toHaveLength(0);
    expect(ledger(bench)).toMatchObject({ held: 0, cost: 0 });
  });

  test.each([
    ["is longer than the policy allows", {}, { max_tokens: 5_000 }],
    ["has no bound", { policy: { outputTokensDefault: undefined } }, { max_tokens: undefined }],
  ])("bounds an answer that %s by the policy", async (_, options, more) => {
    const bench = await benches.open(options);
    await call(bench, openaiRequest(more));
    expect(benches.provider.requests[0]?.body.max_completion_tokens).toBe(4_096);
  });

  test("keeps the tokens for thinking below the bound of the answer", async () => {
    const bench = await benches.open();
    await call(bench, anthropicRequest({ max_tokens: 32_000, thinking: { type: "enabled", budget_tokens: 31_999 } }));
    await call(bench, anthropicRequest({ max_tokens: 512, thinking: { type: "enabled", budget_tokens: 1_024 } }));
    expect(benches.provider.requests.map(({ body }) => body)).toMatchObject([
      { max_tokens: 4_096, thinking: { type: "enabled", budget_tokens: 4_095 } },
      { max_tokens: 512, thinking: { type: "disabled" } },
    ]);
  });

  test("refuses an agent that repeats a request, and publishes one event for it", async () => {
    const runawayLimits = {
      callsPerMinuteMax: 100,
      identicalCallsMax: 2,
      callsWithoutProgressMax: 100,
      runMsMax: 1e9,
      idleGate: false,
      turnMs: 1,
      turnCallsMax: 1,
    };
    const bench = await benches.open({ policy: { runawayLimits } });
    const same = openaiRequest();
    await call(bench, same);
    await call(bench, same);
    await expect(call(bench, same)).rejects.toMatchObject({
      code: "RUNAWAY_LIMIT",
      details: { limit: "identical_calls" },
    });
    expect(bench.published).toMatchObject([{ type: "llm.runaway_limit_reached", data: { agent_id: "mail-1" } }]);
  });
});
