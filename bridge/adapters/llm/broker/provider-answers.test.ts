// Answers in the shapes that public reports against gateways describe. Most cases failed when they were written; the others guard against regressions.
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "@jest/globals";
import { agentCaller, type BrokerBench, inputNano, outputNano } from "../../../../tests/support/budget/broker.ts";
import { brokerBenches, call, ledger, requests } from "../../../../tests/support/budget/broker-benches.ts";
import { costLimit, usd } from "../../../../tests/support/budget/budget.ts";
import { endpointDialects } from "../codecs/dialects.ts";
import { AnswerCollector } from "./answer-collector.ts";

const benches = brokerBenches();
const { openaiRequest } = requests();

const data = (value: unknown) => `data: ${typeof value === "string" ? value : JSON.stringify(value)}\n\n`;
const chunk = (delta: object, finish: string | null = null) =>
  data({ id: "c1", model: "m", choices: [{ index: 0, delta, finish_reason: finish }] });
const usage = (input: number, output: number, more: object = {}) =>
  data({
    id: "c1",
    choices: [],
    usage: { prompt_tokens: input, completion_tokens: output, total_tokens: input + output, ...more },
  });
const done = data("[DONE]");
const event = (type: string, fields: object) => `event: ${type}\n${data({ type, ...fields })}`;
const hello = [chunk({ content: "hello" }), chunk({}, "stop"), usage(10, 2)].join("");
const helloCost = 10 * inputNano + 2 * outputNano;

/** Makes a call like `llm.chat`. */
async function chat({ broker }: BrokerBench, more: object = {}) {
  const answer = new AnswerCollector(() => undefined);
  const body = { model: "oai/m", messages: [{ role: "user", content: "Hi" }], max_tokens: 50, stream: true, ...more };
  const request = endpointDialects.openai.decodeRequest(body);
  const result = await broker.chat(request, agentCaller, answer, new AbortController().signal);
  return { ...result, text: answer.text, toolCalls: answer.toolCalls, finishReason: answer.finishReason };
}

describe("tool calls", () => {
  test("keep the pieces of parallel calls apart by their index", async () => {
    const bench = await benches.open();
    const head = (index: number, id: string, name: string) => ({
      index,
      id,
      type: "function",
      function: { name, arguments: "" },
    });
    const piece = (index: number, text: string) => chunk({ tool_calls: [{ index, function: { arguments: text } }] });
    const heads = chunk({ tool_calls: [head(0, "a", "one"), head(1, "b", "two")] });
    const verbatim = [heads, piece(0, '{"x":'), piece(1, '{"y":2}'), piece(0, "1}"), chunk({}, "tool_calls")].join("");
    benches.provider.next({ verbatim: `${verbatim}${usage(10, 8)}${done}` });
    const { toolCalls, finishReason } = await chat(bench);
    expect(toolCalls).toEqual([
      { id: "a", name: "one", arguments: '{"x":1}' },
      { id: "b", name: "two", arguments: '{"y":2}' },
    ]);
    expect(finishReason).toBe("tool_calls");
  });
});

describe("an error inside a 200", () => {
  test.each([
    ["a string", data({ error: "backend exploded" }) + done],
    ["an object without a message", data({ error: { type: "backend_exploded" } })],
    ["an event of the type error", event("error", { message: "backend exploded" })],
    ["an error with its status", data({ error: { code: 503, message: "backend exploded" } })],
  ])("is retried when it comes as %s before any output, and costs nothing", async (_, verbatim) => {
    const bench = await benches.open();
    benches.provider.next({ verbatim }, { verbatim: hello + done });
    expect((await chat(bench)).text).toBe("hello");
    expect(ledger(bench)).toMatchObject({ cost: helloCost, bounded: 0, held: 0 });
  });

  test("is a refusal when its status code is that of a refusal", async () => {
    const bench = await benches.open();
    benches.provider.next({ verbatim: data({ error: { code: 400, message: "No such parameter" } }) });
    await expect(chat(bench)).rejects.toMatchObject({ code: "LLM_PROVIDER_REFUSED", details: { status: 400 } });
    expect(ledger(bench)).toMatchObject({ cost: 0, held: 0 });
  });

  test("is found in an answer that is not streamed, and in JSON where a stream was asked for", async () => {
    const bench = await benches.open({ failuresMax: 100 });
    const failure = { verbatim: '{"error":"backend exploded"}', headers: { "content-type": "application/json" } };
    benches.provider.next(failure, failure, failure);
    await expect(call(bench, openaiRequest())).rejects.toMatchObject({ code: "LLM_PROVIDER_UNAVAILABLE" });
    benches.provider.next(failure, failure, failure);
    await expect(chat(bench)).rejects.toMatchObject({ code: "LLM_PROVIDER_UNAVAILABLE" });
    expect(benches.provider.requests).toHaveLength(6);
  });

  test("does not mistake a whole JSON answer to a streamed request for an error", async () => {
    const bench = await benches.open();
    const answer = {
      id: "c1",
      model: "m",
      choices: [{ index: 0, message: { role: "assistant", content: "hello" }, finish_reason: "stop" }],
      usage: { prompt_tokens: 10, completion_tokens: 2 },
    };
    benches.provider.next({ verbatim: JSON.stringify(answer), headers: { "content-type": "application/json" } });
    expect(await chat(bench)).toMatchObject({ text: "hello", costNanoUsd: helloCost });
  });
});

describe("an answer that costs more than the provider reports", () => {
  const whole = (text: string, input: number, output: number) => ({
    verbatim: JSON.stringify({
      id: "c1",
      model: "m",
      choices: [{ index: 0, message: { role: "assistant", content: text }, finish_reason: "stop" }],
      usage: { prompt_tokens: input, completion_tokens: output },
    }),
    headers: { "content-type": "application/json" },
  });

  test("is cut, also when it is not streamed, and booked by its length", async () => {
    const bench = await benches.open();
    benches.provider.next(whole("x".repeat(16_000), 10, 20));
    await expect(call(bench, openaiRequest({ max_tokens: 50 }))).rejects.toMatchObject({ code: "LLM_CUT" });
    expect(ledger(bench)).toMatchObject({ cost: 10 * inputNano + 1_000 * outputNano, held: 0, bounded: 0 });
    expect(benches.provider.requests).toHaveLength(1);
  });

  test("costs at least what its text shows", async () => {
    const bench = await benches.open();
    benches.provider.next(whole("x".repeat(320), 10, 0));
    expect(await chat(bench, { stream: false })).toMatchObject({ costNanoUsd: 10 * inputNano + 20 * outputNano });
  });

  test.each([
    ["no input", 0, 2],
    ["more than an answer can have", Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  ])("is booked at the bound when the usage reports %s", async (_, input, output) => {
    const bench = await benches.open();
    benches.provider.next(whole("hello", input, output));
    expect(await chat(bench, { stream: false })).toMatchObject({ basis: "bound", usage: undefined });
    expect(ledger(bench)).toMatchObject({ held: 0, bounded: 1 });
  });
});

describe("an answer that the bridge cannot read", () => {
  test.each([
    ["text in place of JSON", false, "<html>hello</html>"],
    ["text in place of a stream", true, "<html>hello</html>"],
    ["JSON that calls itself a stream", true, '{"choices":[]}'],
  ])("is not retried: %s", async (_, stream, verbatim) => {
    const bench = await benches.open();
    benches.provider.next({ verbatim }, { verbatim }, { verbatim });
    await expect(chat(bench, { stream })).rejects.toMatchObject({ code: "LLM_STREAM_FAILED" });
    expect(benches.provider.requests).toHaveLength(1);
    expect(ledger(bench)).toMatchObject({ held: 0, bounded: 1 });
  });
});

describe("a stream's form", () => {
  test.each([
    ["with lone CRs as line ends", (hello + done).replaceAll("\n", "\r")],
    ["without the last event's blank line", `${hello}data: [DONE]`],
    ["without the end mark", hello],
    ["with white space around the end mark", `${hello}data: [DONE] \n\n`],
  ])("%s is read, and the reported usage is booked", async (_, verbatim) => {
    const bench = await benches.open();
    benches.provider.next({ verbatim });
    expect(await chat(bench)).toMatchObject({ text: "hello", costNanoUsd: helloCost, basis: "provider" });
  });

  test("without an end mark gets one for a caller of the same dialect", async () => {
    const bench = await benches.open();
    benches.provider.next({ verbatim: hello });
    expect((await call(bench, openaiRequest({ stream: true }))).text).toMatch(/data: \[DONE\]\n\n$/);
  });

  test("with a content coding that the bridge did not ask for is decoded", async () => {
    const bench = await benches.open();
    benches.provider.next({ verbatim: gzipSync(hello + done), headers: { "content-encoding": "gzip" } });
    expect((await chat(bench)).text).toBe("hello");
    expect(benches.provider.requests[0]?.headers["accept-encoding"]).toBe("identity");
  });

  test("passes unchanged between equal dialects", async () => {
    const bench = await benches.open();
    const odd = data({ id: "c1", choices: [], x_vendor: { kept: [1, 2.5e3] } });
    benches.provider.next({ verbatim: odd + hello + done });
    const { text } = await call(bench, openaiRequest({ stream: true, stream_options: { include_usage: true } }));
    expect(text).toBe(odd + hello + done);
  });
});

describe("usage", () => {
  const start = (figures: object) => event("message_start", { message: { id: "m", model: "m", usage: figures } });
  const text =
    event("content_block_start", { index: 0, content_block: { type: "text", text: "" } }) +
    event("content_block_delta", { index: 0, delta: { type: "text_delta", text: "hello" } }) +
    event("content_block_stop", { index: 0 });
  const end = (figures: object) =>
    event("message_delta", { delta: { stop_reason: "end_turn" }, usage: figures }) + event("message_stop", {});

  test("is kept when a later event has null in its place", async () => {
    const bench = await benches.open();
    benches.provider.next({
      verbatim: start({ input_tokens: 100, output_tokens: 1 }) + text + end({ input_tokens: null, output_tokens: 5 }),
    });
    expect(await chat(bench, { model: "ant/m" })).toMatchObject({ usage: { input: 100, output: 5 } });
  });

  test("includes reasoning that a provider reports only in the total", async () => {
    const bench = await benches.open();
    benches.provider.next({ verbatim: chunk({ content: "hi" }, "stop") + usage(10, 2, { total_tokens: 42 }) + done });
    expect(await chat(bench)).toMatchObject({ usage: { input: 10, output: 32 } });
  });

  test("includes the cached tokens when an answer of Anthropic is streamed in OpenAI's dialect", async () => {
    const bench = await benches.open();
    const figures = { input_tokens: 10, cache_read_input_tokens: 90, output_tokens: 1 };
    benches.provider.next({ verbatim: start(figures) + text + end({ output_tokens: 5 }) });
    const request = openaiRequest({ model: "ant/m", stream: true, stream_options: { include_usage: true } });
    expect((await call(bench, request)).text).toContain('"prompt_tokens_details":{"cached_tokens":90}');
  });

  test("with impossible numbers is ignored", async () => {
    const bench = await benches.open();
    benches.provider.next({ verbatim: chunk({ content: "hi" }, "stop") + usage(10, Number.MAX_SAFE_INTEGER) + done });
    expect(await chat(bench)).toMatchObject({ usage: undefined, basis: "bound" });
    expect(ledger(bench)).toMatchObject({ held: 0, bounded: 1 });
  });

  test("decides, not the number of chunks, whether an answer is too long", async () => {
    const bench = await benches.open();
    const letters = [..."abcdefghij".repeat(6)].map((letter) => chunk({ content: letter })).join("");
    benches.provider.next({ verbatim: letters + chunk({}, "stop") + usage(10, 15) + done });
    expect((await chat(bench)).text).toHaveLength(60);
  });
});

describe("a conversation in Anthropic's dialect", () => {
  const sent = async (messages: readonly object[]) => {
    const bench = await benches.open();
    await chat(bench, { model: "ant/m", messages });
    return benches.provider.requests[0]?.body.messages;
  };

  test("has no empty text block and no turn without content", async () => {
    const messages = [
      {
        role: "user",
        content: [
          { type: "text", text: "" },
          { type: "text", text: "a" },
        ],
      },
      { role: "assistant", content: null },
      { role: "user", content: "b" },
    ];
    expect(await sent(messages)).toEqual([
      {
        role: "user",
        content: [
          { type: "text", text: "a" },
          { type: "text", text: "b" },
        ],
      },
    ]);
  });

  test.each([
    ["tool arguments that are not JSON", { tool_calls: [{ id: "t", function: { name: "rm", arguments: '{"p' } }] }],
    ["a deprecated function call", { content: "", function_call: { name: "rm", arguments: "{}" } }],
    [
      "an image in an assistant's turn",
      { content: [{ type: "image_url", image_url: { url: "data:image/png;base64,AA" } }] },
    ],
  ])("is refused with %s, and nothing is reserved", async (_, message) => {
    const bench = await benches.open();
    const messages = [
      { role: "user", content: "a" },
      { role: "assistant", ...message },
    ];
    await expect(chat(bench, { model: "ant/m", messages })).rejects.toMatchObject({ code: "LLM_REQUEST_REFUSED" });
    expect(benches.provider.requests).toHaveLength(0);
    expect(ledger(bench)).toMatchObject({ cost: 0, held: 0 });
  });
});

test("an image reserves an image's tokens, not a token for each byte", async () => {
  const bench = await benches.open({ limits: [costLimit("global", "day", usd(1))] });
  const url = `data:image/jpeg;base64,${Buffer.alloc(1_048_576, 1).toString("base64")}`;
  const messages = [{ role: "user", content: [{ type: "image_url", image_url: { url } }] }];
  benches.provider.next({ verbatim: hello + done });
  expect((await chat(bench, { messages })).text).toBe("hello");
});

test("a rate limit on one model does not affect the provider's other models, and pauses that model for at most a minute", async () => {
  const bench = await benches.open({ limits: [costLimit("global", "day", 1e9, { unit: "tokens" })] });
  benches.provider.next({ status: 429, headers: { "retry-after": "3600" } });
  await expect(chat(bench)).rejects.toMatchObject({ code: "LLM_PROVIDER_UNAVAILABLE" });
  expect(await chat(bench, { model: "oai/unpriced" })).toMatchObject({ model: "oai/unpriced" });
  expect(
    bench.broker.describeModels(agentCaller).map(({ id, waitMs }) => [id, waitMs > 0 && waitMs <= 60_000]),
  ).toEqual([
    ["oai/m", true],
    ["oai/unpriced", false],
    ["ant/m", false],
    ["ant/unpriced", false],
  ]);
});

test("a key that no header can carry is refused by name, and costs nothing", async () => {
  const bench = await benches.open({ secrets: { "the-key": "sk-abc\r\nx-other: 1" } });
  await expect(chat(bench)).rejects.toMatchObject({ code: "LLM_REQUEST_REFUSED", details: { field: "secret" } });
  expect(benches.provider.requests).toHaveLength(0);
  expect(ledger(bench)).toMatchObject({ cost: 0, held: 0 });
});

describe("Anthropic's dialect at an OpenAI provider", () => {
  const body = {
    model: "oai/m",
    max_tokens: 20,
    system: "Be brief",
    messages: [
      { role: "user", content: "Look" },
      { role: "assistant", content: [{ type: "tool_use", id: "t1", name: "look", input: { at: 1 } }] },
      { role: "user", content: [{ type: "tool_result", tool_use_id: "t1", content: "a cat" }] },
    ],
    tools: [{ name: "look", input_schema: { type: "object" } }],
  };

  test("is translated there and back", async () => {
    const bench = await benches.open();
    const { reply } = await call(bench, endpointDialects.anthropic.decodeRequest(body));
    expect(benches.provider.requests[0]?.body.messages).toEqual([
      { role: "system", content: "Be brief" },
      { role: "user", content: [{ type: "text", text: "Look" }] },
      {
        role: "assistant",
        content: null,
        tool_calls: [{ id: "t1", type: "function", function: { name: "look", arguments: '{"at":1}' } }],
      },
      { role: "tool", tool_call_id: "t1", content: [{ type: "text", text: "a cat" }] },
    ]);
    expect(reply).toMatchObject({
      type: "message",
      content: [{ type: "text", text: "word ".repeat(8) }],
      stop_reason: "end_turn",
      usage: { output_tokens: 8 },
    });
  });

  test("is streamed as Anthropic's events", async () => {
    const bench = await benches.open();
    benches.provider.next({ toolCall: { name: "look", input: { at: 1 } } });
    const { events } = await call(bench, endpointDialects.anthropic.decodeRequest({ ...body, stream: true }));
    expect(events.map(({ event: type }) => type)).toEqual([
      "message_start",
      "content_block_start",
      "content_block_delta",
      "content_block_stop",
      "message_delta",
      "message_stop",
    ]);
  });
});
