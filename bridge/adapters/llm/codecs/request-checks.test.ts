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
    ["a tool with more than a function", "tools", { tools: [{ type: "function", function: {}, web_search: {} }] }],
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
    ["a text block with an image", [{ ...image, type: "text", text: "x" }]],
    ["an image by its address", [image]],
    ["a block that is no object", ["text"]],
    ["a block of a type that is no text", [{ type: ["text"] }]],
    ["a type from an object's prototype", [{ type: "constructor" }]],
    ["a number", 5],
    ["a result within a result", [{ type: "tool_result", content: [{ type: "tool_result", content: [] }] }]],
  ])("is refused for content that is %s", (_, content) => {
    expect(() => ask({}, content)).toThrow(expect.objectContaining({ code: "LLM_REQUEST_REFUSED" }));
  });

  test("is refused for a message with audio, and for one that is no object", () => {
    expect(() => ask({}, "Hi", { audio: { id: "a1" } })).toThrow("audio");
    expect(() => openai.decodeRequest({ model: "m", messages: ["Hi"] })).toThrow("not a JSON object");
  });
});

test("a provider's own message is taken back with its empty fields", () => {
  const messages = [{ role: "assistant", content: "Hi", refusal: null, audio: null, annotations: [] }];
  expect(openai.decodeRequest({ model: "m", messages }).model).toBe("m");
});

test.each([
  ["tool_choice", openai, { tool_choice: { type: "function", function: { name: "x".repeat(200_000) } } }],
  ["stop", openai, { stop: "x".repeat(200_000) }],
  ["logit_bias", openai, { logit_bias: { ["1".repeat(200_000)]: 1 } }],
  ["stop_sequences", anthropic, { stop_sequences: ["x".repeat(200_000)] }],
  ["response_format", openai, { response_format: { type: "json_schema", name: "x".repeat(200_000) } }],
])("%s counts in the prompt's bound", (_, dialect, more) => {
  const body = { model: "m", max_tokens: 5, messages: [{ role: "user", content: "Hi" }] };
  const bound = (request: object) => dialect.decodeRequest(request).promptTokensBound;
  expect(bound({ ...body, ...more }) - bound(body)).toBeGreaterThanOrEqual(200_000);
});
