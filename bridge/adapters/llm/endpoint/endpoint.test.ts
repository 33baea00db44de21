import { request } from "node:http";
import Anthropic from "@anthropic-ai/sdk";
import { describe, expect, test } from "@jest/globals";
import OpenAI from "openai";
import { type BrokerBenchOptions, canaryKey, holder, inputNano } from "../../../../tests/support/budget/broker.ts";
import { brokerBenches, ledger } from "../../../../tests/support/budget/broker-benches.ts";
import { costLimit } from "../../../../tests/support/budget/budget.ts";
import { until } from "../../../../tests/support/until.ts";
import { unixFetch } from "../../../../tests/support/wire/unix-fetch.ts";

const benches = brokerBenches();

async function open(options: Partial<BrokerBenchOptions> = {}) {
  const bench = await benches.open(options);
  const socketPath = await bench.listen(holder);
  const apiKey = bench.endpoint.keyOf(holder);
  const shared = { apiKey, fetch: unixFetch(socketPath) };
  return {
    bench,
    socketPath,
    apiKey,
    openai: new OpenAI({ ...shared, baseURL: "http://bridge/v1" }),
    anthropic: new Anthropic({ ...shared, baseURL: "http://bridge" }),
  };
}

const messages = [{ role: "user" as const, content: "Hello" }];
const tool = { name: "look", description: "Looks", parameters: { type: "object", properties: {} } };

describe("the official OpenAI SDK at the endpoint", () => {
  test.each(["oai/m", "ant/m"])("gets a whole answer of %s", async (model) => {
    const { openai } = await open();
    const answer = await openai.chat.completions.create({ model, messages, max_tokens: 20 });
    expect(answer.choices[0]?.message.content).toBe("word ".repeat(8));
    expect(answer.usage?.completion_tokens).toBe(8);
  });

  test.each(["oai/m", "ant/m"])("streams an answer of %s, with its usage", async (model) => {
    const { openai } = await open();
    const stream = openai.chat.completions.stream({
      model,
      messages,
      max_tokens: 20,
      stream_options: { include_usage: true },
    });
    const answer = await stream.finalChatCompletion();
    expect(answer.choices[0]).toMatchObject({ finish_reason: "stop", message: { content: "word ".repeat(8) } });
    expect(answer.usage?.completion_tokens).toBe(8);
  });

  test.each(["oai/m", "ant/m"])("gets tool calls of %s", async (model) => {
    const { openai } = await open();
    benches.provider.next({ toolCall: { name: "look", input: { at: 1 } } });
    const stream = openai.chat.completions.stream({
      model,
      messages,
      tools: [{ type: "function", function: tool }],
      max_tokens: 20,
    });
    const { choices } = await stream.finalChatCompletion();
    expect(choices[0]?.message.tool_calls?.[0]).toMatchObject({
      type: "function",
      function: { name: "look", arguments: '{"at":1}' },
    });
  });

  test("lists the models that the agent may use", async () => {
    const { openai } = await open({ policy: { models: ["oai/m"] } });
    const { data } = await openai.models.list();
    expect(data.map(({ id }) => id)).toEqual(["oai/m"]);
    expect(await openai.models.retrieve("oai/m")).toMatchObject({ id: "oai/m", owned_by: "oai" });
    await expect(openai.models.retrieve("ant/m")).rejects.toMatchObject({ status: 404 });
  });

  test("gets embeddings, which cost their input", async () => {
    const { openai, bench } = await open();
    const data = [{ object: "embedding", index: 0, embedding: [0.5, 0.25] }];
    const verbatim = JSON.stringify({ object: "list", data, model: "m", usage: { prompt_tokens: 3, total_tokens: 3 } });
    benches.provider.next({ verbatim, headers: { "content-type": "application/json" } });
    const answer = await openai.embeddings.create({ model: "oai/m", input: "Hello", encoding_format: "float" });
    expect(answer.data).toEqual(data);
    expect(ledger(bench)).toMatchObject({ cost: 3 * inputNano, inputTokens: 3, outputTokens: 0, held: 0 });
    await expect(openai.embeddings.create({ model: "ant/m", input: "Hello" })).rejects.toMatchObject({ status: 400 });
  });

  test("waits for its turn when it makes more calls at once than the agent may", async () => {
    const { openai } = await open({ policy: { concurrentCallsMax: 2 } });
    benches.provider.next(...Array.from({ length: 20 }, () => ({ tokens: 1, tokenDelayMs: 5 })));
    const ask = () => openai.chat.completions.create({ model: "oai/m", messages, max_tokens: 5 });
    const answers = await Promise.all(Array.from({ length: 20 }, ask));
    expect(answers.map(({ choices }) => choices.length)).toEqual(Array.from({ length: 20 }, () => 1));
  });

  test("receives the refusal of a spent budget, and does not retry", async () => {
    const { openai, bench } = await open({ limits: [costLimit("global", "day", 1)] });
    const failed = openai.chat.completions.create({ model: "oai/m", messages });
    await expect(failed).rejects.toMatchObject({ status: 400, code: "budget_exceeded", type: "invalid_request_error" });
    expect(bench.money.published.filter(({ type }) => type === "budget.exhausted")).toHaveLength(1);
    expect(benches.provider.requests).toHaveLength(0);
  });

  test("receives an error when the stream breaks", async () => {
    const { openai } = await open();
    benches.provider.next({ errorAt: 2 });
    const stream = await openai.chat.completions.create({ model: "oai/m", messages, stream: true });
    const read = (async () => {
      for await (const _ of stream);
    })();
    await expect(read).rejects.toThrow("Overloaded");
  });

  test("aborts the provider's request when it stops reading", async () => {
    const { openai, bench } = await open();
    benches.provider.next({ tokens: 60, tokenDelayMs: 20 });
    const stream = await openai.chat.completions.create({ model: "oai/m", messages, stream: true });
    for await (const chunk of stream) if (chunk.choices[0]?.delta.content === "word ") break;
    stream.controller.abort();
    await until("the reservation to end", async () => {
      const [row] = await bench.money.admin.report({ by: [], fromMs: 0, toMs: Number.MAX_SAFE_INTEGER, rowsMax: 1 });
      return row?.held.costNanoUsd === 0 && row.bounded === 1;
    });
    expect(benches.provider.books[0]?.outputTokens).toBeLessThan(60);
  });
});

describe("the official OpenAI SDK with Responses", () => {
  const look = { type: "function" as const, strict: false, ...tool };

  test.each(["oai/m", "ant/m"])("gets a whole answer of %s, and a streamed one", async (model) => {
    const { openai, bench } = await open();
    const request = { model, input: "Hello", instructions: "Be short", max_output_tokens: 20, store: false };
    const whole = await openai.responses.create(request);
    expect(whole).toMatchObject({ status: "completed", output_text: "word ".repeat(8), usage: { output_tokens: 8 } });
    const streamed = await openai.responses.stream(request).finalResponse();
    expect(streamed).toMatchObject({
      status: "completed",
      output_text: "word ".repeat(8),
      usage: { output_tokens: 8 },
    });
    expect(ledger(bench)).toMatchObject({ calls: 2, outputTokens: 16, held: 0, bounded: 0 });
  });

  test.each(["oai/m", "ant/m"])("gets a tool call of %s, and brings its result", async (model) => {
    const { openai } = await open();
    benches.provider.next({ toolCall: { name: "look", input: { at: 1 } } });
    const asked = { role: "user" as const, content: "Look" };
    const { output } = await openai.responses.stream({ model, input: [asked], tools: [look] }).finalResponse();
    expect(output).toMatchObject([{ type: "function_call", name: "look", arguments: '{"at":1}' }]);
    const [call] = output;
    if (call?.type !== "function_call") throw new Error("The model called no tool");
    const result = { type: "function_call_output" as const, call_id: call.call_id, output: "A cat" };
    const answer = await openai.responses.create({ model, input: [asked, call, result], tools: [look] });
    expect(answer.output_text).toBe("word ".repeat(8));
    expect(JSON.stringify(benches.provider.requests[1]?.body.messages)).toContain("A cat");
  });

  test("gets the text of a tool that takes text, and does without the provider's own tools", async () => {
    const { openai } = await open();
    benches.provider.next({ toolCall: { name: "patch", input: { input: "*** Begin" } } });
    const tools = [{ type: "custom" as const, name: "patch" }, { type: "web_search" as const }];
    const { data, response } = await openai.responses.create({ model: "oai/m", input: "Hi", tools }).withResponse();
    expect(data.output).toMatchObject([{ type: "custom_tool_call", name: "patch", input: "*** Begin" }]);
    expect(response.headers.get("x-armorclaw-dropped")).toBe("tools:web_search");
  });

  test("is asked for JSON of a schema at every provider", async () => {
    const { openai } = await open();
    const schema = { type: "object", properties: { a: { type: "string" } }, required: ["a"] };
    const text = { format: { type: "json_schema" as const, name: "answer", schema } };
    for (const model of ["oai/m", "ant/m"]) await openai.responses.create({ model, input: "Hi", text });
    expect(benches.provider.requests.map(({ body }) => body)).toMatchObject([
      { response_format: { type: "json_schema", json_schema: { name: "answer", schema } } },
      { output_config: { format: { type: "json_schema", schema } } },
    ]);
  });

  test("cannot make a provider keep a conversation", async () => {
    const { openai } = await open();
    for (const more of [{ previous_response_id: "resp_1" }, { background: true }, { conversation: "conv_1" }])
      await expect(openai.responses.create({ model: "oai/m", input: "Hi", ...more })).rejects.toMatchObject({
        status: 400,
      });
    await openai.responses.create({ model: "oai/m", input: "Hi", store: true });
    expect(benches.provider.requests[0]?.body).not.toHaveProperty("store");
  });

  test("receives the failure of a stream that broke", async () => {
    const { openai } = await open();
    benches.provider.next({ errorAt: 2 });
    const events: { type: string }[] = [];
    for await (const event of await openai.responses.create({ model: "oai/m", input: "Hi", stream: true }))
      events.push(event);
    expect(events.at(-1)).toMatchObject({ type: "response.failed", response: { status: "failed" } });
  });
});

describe("the official Anthropic SDK at the endpoint", () => {
  test("gets a whole answer and a streamed one", async () => {
    const { anthropic } = await open();
    const whole = await anthropic.messages.create({ model: "ant/m", messages, max_tokens: 20 });
    expect(whole.content[0]).toMatchObject({ type: "text", text: "word ".repeat(8) });
    const streamed = await anthropic.messages.stream({ model: "ant/m", messages, max_tokens: 20 }).finalMessage();
    expect(streamed).toMatchObject({ stop_reason: "end_turn", usage: { output_tokens: 8 } });
    expect(streamed.content[0]).toMatchObject({ text: "word ".repeat(8) });
  });

  test("gets a tool call", async () => {
    const { anthropic } = await open();
    benches.provider.next({ toolCall: { name: "look", input: { at: 1 } } });
    const tools = [{ name: "look", input_schema: { type: "object" as const } }];
    const message = await anthropic.messages.stream({ model: "ant/m", messages, tools, max_tokens: 20 }).finalMessage();
    expect(message.content[0]).toMatchObject({ type: "tool_use", name: "look", input: { at: 1 } });
  });

  test("finds the endpoint by its base address with and without the version", async () => {
    const { socketPath, apiKey } = await open();
    const body = JSON.stringify({ model: "ant/m", messages, max_tokens: 5 });
    const paths = ["/messages", "/v1/messages?beta=true", "/v1/v1/messages"];
    const post = (path: string) =>
      unixFetch(socketPath)(`http://bridge${path}`, { method: "POST", body, headers: { "x-api-key": apiKey } });
    expect((await Promise.all(paths.map(post))).map(({ status }) => status)).toEqual([200, 200, 200]);
  });

  test("counts tokens at the provider, or estimates them where it does not count", async () => {
    const { anthropic } = await open();
    benches.provider.next({ verbatim: '{"input_tokens":7}', headers: { "content-type": "application/json" } });
    const counted = await anthropic.messages.countTokens({ model: "ant/m", messages });
    expect(counted.input_tokens).toBe(7);
    expect(benches.provider.requests[0]?.path).toBe("/v1/messages/count_tokens");
    benches.provider.next({ status: 404 });
    const estimated = await anthropic.messages.countTokens({ model: "ant/m", messages }).withResponse();
    expect(estimated.data.input_tokens).toBeGreaterThan(7);
    expect(estimated.response.headers.get("x-armorclaw-estimated")).toBe("1");
  });

  test("receives a list of what the bridge changed of its request", async () => {
    const { anthropic } = await open();
    const request = { model: "ant/m", messages, max_tokens: 8_000, service_tier: "auto" as const };
    const { response } = await anthropic.messages.create(request).withResponse();
    expect(response.headers.get("x-armorclaw-clamped")).toBe("max_tokens=4096");
    expect(response.headers.get("x-armorclaw-dropped")).toBe("service_tier");
    const stream = await anthropic.messages.create({ ...request, stream: true }).withResponse();
    for await (const _ of stream.data);
    expect(stream.response.headers.get("x-armorclaw-clamped")).toBe("max_tokens=4096");
  });

  test("receives the bridge's errors", async () => {
    const { anthropic } = await open({ policy: { models: [] } });
    const failed = anthropic.messages.create({ model: "ant/m", messages, max_tokens: 20 });
    await expect(failed).rejects.toMatchObject({
      status: 404,
      error: { error: { type: "not_found_error", code: "llm_model_not_allowed" } },
    });
  });
});

describe("a client of Gemini's API", () => {
  const contents = [{ role: "user", parts: [{ text: "Hello" }] }];

  async function client() {
    const { socketPath, apiKey, bench } = await open();
    const post = async (model: string, operation: string, body: object) => {
      const path = `/v1beta/models/${encodeURIComponent(model)}:${operation}`;
      const headers = { "x-goog-api-key": apiKey, "content-type": "application/json" };
      return unixFetch(socketPath)(`http://bridge${path}`, { method: "POST", body: JSON.stringify(body), headers });
    };
    return { post, bench, socketPath, apiKey };
  }

  test.each(["oai/m", "ant/m"])("gets a whole answer of %s, and a streamed one", async (model) => {
    const { post, bench } = await client();
    const body = {
      contents,
      systemInstruction: { parts: [{ text: "Be short" }] },
      generationConfig: { maxOutputTokens: 20 },
    };
    expect(await (await post(model, "generateContent", body)).json()).toMatchObject({
      candidates: [{ content: { role: "model", parts: [{ text: "word ".repeat(8) }] }, finishReason: "STOP" }],
      usageMetadata: { candidatesTokenCount: 8 },
    });
    const chunks = (await (await post(model, "streamGenerateContent?alt=sse", body)).text())
      .split("\n\n")
      .filter((line) => line.startsWith("data: "))
      .map((line) => JSON.parse(line.slice(6)));
    const texts = chunks.map((chunk) => chunk.candidates[0].content.parts[0]?.text ?? "");
    expect(texts.join("")).toBe("word ".repeat(8));
    expect(chunks.at(-1)).toMatchObject({
      candidates: [{ finishReason: "STOP" }],
      usageMetadata: { candidatesTokenCount: 8 },
    });
    expect(ledger(bench)).toMatchObject({ calls: 2, outputTokens: 16, held: 0, bounded: 0 });
  });

  test("gets a function call, and brings its response by name", async () => {
    const { post } = await client();
    benches.provider.next({ toolCall: { name: "look", input: { at: 1 } } });
    const parameters = { type: "OBJECT", properties: { at: { type: "INTEGER", nullable: true } } };
    const tools = [{ functionDeclarations: [{ name: "look", description: "Looks", parameters }], googleSearch: {} }];
    const called = await post("oai/m", "generateContent", { contents, tools });
    const answer = (await called.json()) as { candidates: [{ content: object }] };
    expect(answer).toMatchObject({
      candidates: [{ content: { parts: [{ functionCall: { name: "look", args: { at: 1 } } }] } }],
    });
    expect(called.headers.get("x-armorclaw-dropped")).toBe("tools.googleSearch");
    const response = { role: "user", parts: [{ functionResponse: { name: "look", response: { output: "A cat" } } }] };
    await post("oai/m", "generateContent", { contents: [...contents, answer.candidates[0].content, response], tools });
    expect(benches.provider.requests.map(({ body }) => body)).toMatchObject([
      { tools: [{ function: { parameters: { type: "object", properties: { at: { type: ["integer", "null"] } } } } }] },
      {
        messages: [
          { role: "user" },
          { role: "assistant", tool_calls: [{ id: "call_1" }] },
          { role: "tool", tool_call_id: "call_1", content: "A cat" },
        ],
      },
    ]);
  });

  test("counts tokens, lists models, and reads errors in Google's form", async () => {
    const { post, socketPath, apiKey } = await client();
    expect(await (await post("oai/m", "countTokens", { contents })).json()).toHaveProperty("totalTokens");
    const listed = await unixFetch(socketPath)(`http://bridge/v1beta/models?key=${apiKey}`);
    expect(await listed.json()).toMatchObject({
      models: expect.arrayContaining([expect.objectContaining({ name: "models/oai/m" })]),
    });
    const failed = await post("none", "generateContent", { contents });
    expect(failed.status).toBe(404);
    expect(await failed.json()).toMatchObject({ error: { code: 404, status: "NOT_FOUND" } });
    const video = { contents: [{ role: "user", parts: [{ fileData: { fileUri: "gs://x" } }] }] };
    expect((await post("oai/m", "generateContent", video)).status).toBe(400);
  });
});

describe("the phantom key", () => {
  const statusOf = (socketPath: string, key: string): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      const options = { socketPath, path: "/v1/models", headers: { authorization: `Bearer ${key}` } };
      request(options, (response) => resolve(response.resume().statusCode))
        .on("error", reject)
        .end();
    });

  test("opens only its own agent's endpoint, for this start alone", async () => {
    const { bench, socketPath, apiKey } = await open();
    const other = await bench.listen({ ...holder, agentId: "notes-1" });
    const later = await bench.listen({ ...holder, epoch: 2 });
    const keys = [
      bench.endpoint.keyOf({ ...holder, agentId: "notes-1" }),
      bench.endpoint.keyOf({ ...holder, epoch: 2 }),
    ];
    expect(new Set([apiKey, ...keys]).size).toBe(3);
    expect(await Promise.all([socketPath, other, later].map((path) => statusOf(path, apiKey)))).toEqual([
      200, 401, 401,
    ]);
    expect(await statusOf(socketPath, "")).toBe(401);
    expect(await statusOf(socketPath, canaryKey)).toBe(401);
  });

  test("is the only key that an agent sees: no answer of the endpoint contains the provider's key", async () => {
    const { socketPath, apiKey } = await open();
    const refusals = [400, 401, 403, 404, 422].map((status) => ({ status, refusal: "You sent KEY" }));
    benches.provider.next(
      {},
      {},
      ...refusals,
      { status: 500, refusal: "KEY" },
      { status: 500, refusal: "KEY" },
      { status: 500, refusal: "KEY" },
    );
    const seen = await Promise.all(
      Array.from({ length: 8 }, async (_, i) => {
        const body = JSON.stringify({ model: "oai/m", messages, stream: i % 2 === 0 });
        const answer = await unixFetch(socketPath)("http://bridge/v1/chat/completions", {
          method: "POST",
          body,
          headers: { authorization: `Bearer ${apiKey}` },
        });
        return `${JSON.stringify([...answer.headers])}${await answer.text()}`;
      }),
    );
    expect(benches.provider.requests.every(({ headers }) => headers.authorization === `Bearer ${canaryKey}`)).toBe(
      true,
    );
    expect(seen.join("\n")).not.toContain(canaryKey);
    expect(JSON.stringify(benches.provider.requests)).not.toContain(apiKey);
  });
});

test("the endpoint serves nothing else", async () => {
  const { socketPath, apiKey } = await open();
  const post = (path: string, body: string) =>
    unixFetch(socketPath)(`http://bridge${path}`, {
      method: "POST",
      body,
      headers: { authorization: `Bearer ${apiKey}` },
    });
  expect((await post("/v1/files", "{}")).status).toBe(404);
  expect((await post("/v1/embeddings", "{}")).status).toBe(400);
  expect((await post("/v1/chat/completions", "nonsense")).status).toBe(400);
  expect((await post("/v1/chat/completions", JSON.stringify({ model: "oai/m" }))).status).toBe(400);
});
