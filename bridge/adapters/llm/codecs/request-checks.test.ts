import { describe, expect, test } from "@jest/globals";
import { endpointDialects } from "./dialects.ts";

const { openai, anthropic } = endpointDialects;
const ask = (more: object = {}, content: unknown = "Hi", message: object = {}) =>
  openai.decodeRequest({ model: "m", messages: [{ role: "user", content, ...message }], ...more });
const image = { type: "image_url", image_url: { url: "https://example.org/cat.png" } };

describe("a request whose shape could hide a cost", () => {
  test.each([
    ["tools that are no list", "tools", { tools: { type: "function" } }],
    ["a tool that is no object", "tools", { tools: ["web_search"] }],
    [
      "a tool that the provider's code calls",
      "tools",
      { tools: [{ name: "f", input_schema: {}, allowed_callers: ["code_execution_20250825"] }] },
      anthropic,
    ],
    ["code that runs at the provider", "container", { container: { id: "c" } }, anthropic],
    ["a predicted answer", "prediction", { prediction: { type: "content", content: "x" } }],
    ["a conversation that a provider keeps", "previous_response_id", { previous_response_id: "r" }],
    ["a provider's own tool", "tools", { tools: [{ type: "web_search" }] }],
    ["a stop that is no text", "stop", { stop: [1] }],
    ["many stops", "stop", { stop: Array.from({ length: 17 }, () => "x") }],
    ["a tool choice that is a list", "tool_choice", { tool_choice: ["x"] }],
    ["a format that is no object", "response_format", { response_format: "json" }],
    ["system text that is an object", "system", { system: { type: "text" } }, anthropic],
  ])("is refused for %s", (_, field, more, dialect = openai) => {
    const messages = [{ role: "user", content: "Hi" }];
    expect(() => dialect.decodeRequest({ model: "m", messages, ...more })).toThrow(
      expect.objectContaining({ code: "LLM_REQUEST_REFUSED", details: { field } }),
    );
  });

  test.each([
    ["one object in place of a list", image],
    ["a document by its address", [{ type: "document", source: { type: "url", url: "https://example.org/a.pdf" } }]],
    ["a document that the provider keeps", [{ type: "document", source: { type: "file", file_id: "f" } }]],
    ["an image by its address", [image]],
    ["a block that is no object", ["text"]],
    ["a block of a type that is no text", [{ type: ["text"] }]],
    ["a type from an object's prototype", [{ type: "constructor" }]],
    ["a number", 5],
    ["a result within a result", [{ type: "tool_result", content: [{ type: "tool_result", content: [] }] }]],
  ])("is refused for content that is %s", (_, content) => {
    expect(() => ask({}, content)).toThrow(expect.objectContaining({ code: "LLM_REQUEST_REFUSED" }));
  });

  test("is refused for a message with audio, and for a message that is not an object", () => {
    expect(() => ask({}, "Hi", { audio: { id: "a1" } })).toThrow("audio");
    expect(() => openai.decodeRequest({ model: "m", messages: ["Hi"] })).toThrow("not a JSON object");
  });
});

describe("what the bridge does not know", () => {
  test("is left out of a request at every level, and named", () => {
    const { source, dropped } = ask(
      {
        metadata: { user_id: "u" },
        service_tier: "priority",
        store: true,
        tools: [{ type: "function", function: {}, x: 1 }],
      },
      [{ ...image, type: "text", text: "x" }],
      { y: 1 },
    );
    expect(source.body).toEqual({
      model: "m",
      messages: [{ role: "user", content: [{ type: "text", text: "x" }] }],
      tools: [{ type: "function", function: {} }],
    });
    expect([...dropped].sort()).toEqual(["image_url", "metadata", "service_tier", "store", "x", "y"]);
  });

  test("is left out of the features in beta, with the field that needs one", () => {
    const body = {
      model: "m",
      max_tokens: 5,
      messages: [{ role: "user", content: "Hi" }],
      context_management: { edits: [] },
    };
    const without = anthropic.decodeRequest(body, { "anthropic-beta": "context-1m-2025-08-07, claude-code-20250219" });
    expect(without.headers).toEqual({ "anthropic-beta": "claude-code-20250219" });
    expect(without.dropped).toEqual(["anthropic-beta:context-1m-2025-08-07", "context_management"]);
    expect(without.source.body).not.toHaveProperty("context_management");
    const beta = "context-management-2025-06-27";
    const managed = anthropic.decodeRequest(body, { "anthropic-beta": beta });
    expect(managed).toMatchObject({ dropped: [], headers: { "anthropic-beta": beta }, source: { body } });
  });
});

test("tools that run where the caller is are passed on, and their descriptions count", () => {
  const request = (tools: readonly object[]) =>
    anthropic.decodeRequest({ model: "m", max_tokens: 5, messages: [{ role: "user", content: "Hi" }], tools });
  const tool = { type: "bash_20250124", name: "bash" };
  const [one, two] = [request([tool]), request([tool, tool])];
  expect(one.source.body["tools"]).toEqual([tool]);
  expect(two.promptTokensBound - one.promptTokensBound).toBeGreaterThan(1_000);
});

test("a PDF counts as the longest prompt there is, whatever its bytes", () => {
  const source = { type: "base64", media_type: "application/pdf", data: "JVBERi0=" };
  expect(ask({}, [{ type: "document", source }]).promptTokensBound).toBeGreaterThan(1_000_000);
});

test("a provider's own message is accepted with its empty fields", () => {
  const messages = [{ role: "assistant", content: "Hi", refusal: null, audio: null, annotations: [] }];
  expect(openai.decodeRequest({ model: "m", messages }).model).toBe("m");
});

test.each([
  ["tool_choice", openai, { tool_choice: { type: "function", function: { name: "x".repeat(200_000) } } }],
  ["stop", openai, { stop: "x".repeat(200_000) }],
  ["logit_bias", openai, { logit_bias: { ["1".repeat(200_000)]: 1 } }],
  ["stop_sequences", anthropic, { stop_sequences: ["x".repeat(200_000)] }],
  ["response_format", openai, { response_format: { type: "json_schema", name: "x".repeat(200_000) } }],
])("%s counts towards the prompt's bound", (_, dialect, more) => {
  const body = { model: "m", max_tokens: 5, messages: [{ role: "user", content: "Hi" }] };
  const bound = (request: object) => dialect.decodeRequest(request).promptTokensBound;
  expect(bound({ ...body, ...more }) - bound(body)).toBeGreaterThanOrEqual(200_000);
});
