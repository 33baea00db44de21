import { AnthropicReader, anthropicHeaders } from "./anthropic-wire.ts";
import type { Ask } from "./ask.ts";
import { refused } from "./ask.ts";
import { arrayAt, isObject, type Json, objectAt, parseObject, stringAt } from "./json.ts";
import type { SseEvent } from "./sse.ts";
import { anthropicUsage } from "./usage.ts";
import type { Wire } from "./wire.ts";

/** A caller who speaks OpenAI's dialect to Anthropic. What has no counterpart there is refused, not dropped. */
export const openaiToAnthropicWire: Wire = {
  path: "/v1/messages",
  headers: anthropicHeaders,
  body: (ask, model, outputTokens) => translateRequest(ask, model, outputTokens),
  usage: anthropicUsage,
  reply: (reply) => translateReply(reply),
  reader: (ask) => chunkReader(ask),
};

const untranslatable = [
  "response_format",
  "seed",
  "logprobs",
  "top_logprobs",
  "logit_bias",
  "reasoning_effort",
  "verbosity",
  "presence_penalty",
  "frequency_penalty",
];

function translateRequest({ body, isStream }: Ask, model: string, outputTokens: number): Json {
  const wrong = untranslatable.find((field) => body[field] !== undefined && body[field] !== null);
  if (wrong !== undefined) throw refused(wrong, `${wrong} has no counterpart at this model's provider`);
  const messages = arrayAt(body, "messages").filter(isObject);
  const isSystem = (message: Json) => message["role"] === "system" || message["role"] === "developer";
  const system = messages
    .filter(isSystem)
    .map(({ content }) => textOf(content))
    .join("\n\n");
  const tools = arrayAt(body, "tools").map((tool) => {
    const { name, description, parameters } = objectAt(tool, "function") ?? {};
    return {
      name,
      ...(description === undefined ? {} : { description }),
      input_schema: parameters ?? { type: "object" },
    };
  });
  const stop = body["stop"];
  return {
    model,
    max_tokens: outputTokens,
    messages: merge(messages.filter((message) => !isSystem(message)).map(translateMessage)),
    ...(system === "" ? {} : { system }),
    ...(tools.length === 0 ? {} : { tools, ...toolChoice(body) }),
    ...(typeof stop === "string" ? { stop_sequences: [stop] } : Array.isArray(stop) ? { stop_sequences: stop } : {}),
    ...pick(body, ["temperature", "top_p"]),
    ...(isStream ? { stream: true } : {}),
  };
}

interface Turn {
  readonly role: "user" | "assistant";
  readonly content: Json[];
}

function translateMessage(message: Json): Turn {
  const { role, content } = message;
  if (role === "tool") {
    const block = { type: "tool_result", tool_use_id: message["tool_call_id"], content: textOf(content) };
    return { role: "user", content: [block] };
  }
  const calls = arrayAt(message, "tool_calls").map((call) => {
    const { name, arguments: text } = objectAt(call, "function") ?? {};
    return { type: "tool_use", id: stringAt(call, "id"), name, input: parseObject(String(text)) ?? {} };
  });
  return { role: role === "assistant" ? "assistant" : "user", content: [...blocksOf(content), ...calls] };
}

/** Anthropic wants turns to alternate: what several messages of one role say is one turn. */
function merge(turns: readonly Turn[]): Turn[] {
  const merged: Turn[] = [];
  for (const turn of turns) {
    const last = merged.at(-1);
    if (last?.role === turn.role) last.content.push(...turn.content);
    else merged.push({ role: turn.role, content: [...turn.content] });
  }
  return merged;
}

function blocksOf(content: unknown): Json[] {
  if (typeof content === "string") return content === "" ? [] : [{ type: "text", text: content }];
  return (Array.isArray(content) ? content : []).filter(isObject).map((part) => {
    const url = stringAt(objectAt(part, "image_url"), "url");
    if (url === undefined) return { type: "text", text: stringAt(part, "text") ?? "" };
    const [, mediaType, data] = /^data:([^;,]+);base64,(.*)$/s.exec(url) ?? [];
    if (data === undefined) throw refused("messages", "An image is not base64 data");
    return { type: "image", source: { type: "base64", media_type: mediaType, data } };
  });
}

const textOf = (content: unknown): string =>
  typeof content === "string"
    ? content
    : arrayAt({ content }, "content")
        .map((part) => stringAt(part, "text") ?? "")
        .join("");

function toolChoice(body: Json): Json {
  const choice = body["tool_choice"];
  const name = stringAt(objectAt(choice, "function"), "name");
  const serial = body["parallel_tool_calls"] === false ? { disable_parallel_tool_use: true } : {};
  if (name !== undefined) return { tool_choice: { type: "tool", name, ...serial } };
  if (choice === "none") return { tool_choice: { type: "none" } };
  if (choice === "required") return { tool_choice: { type: "any", ...serial } };
  return choice === undefined && serial.disable_parallel_tool_use === undefined
    ? {}
    : { tool_choice: { type: "auto", ...serial } };
}

const pick = (body: Json, fields: readonly string[]): Json =>
  Object.fromEntries(
    fields.flatMap((field) => (body[field] === undefined || body[field] === null ? [] : [[field, body[field]]])),
  );

const finishReasons: Readonly<Record<string, string>> = {
  end_turn: "stop",
  stop_sequence: "stop",
  max_tokens: "length",
  tool_use: "tool_calls",
  refusal: "content_filter",
};
const finishOf = (reason: unknown): string => finishReasons[String(reason)] ?? "stop";

function translateReply(reply: Json): Json {
  const blocks = arrayAt(reply, "content").filter(isObject);
  const text = blocks
    .filter(({ type }) => type === "text")
    .map((block) => stringAt(block, "text") ?? "")
    .join("");
  const calls = blocks
    .filter(({ type }) => type === "tool_use")
    .map(({ id, name, input }) => ({
      id,
      type: "function",
      function: { name, arguments: JSON.stringify(input ?? {}) },
    }));
  const message = {
    role: "assistant",
    content: text === "" && calls.length > 0 ? null : text,
    refusal: null,
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  };
  return {
    id: reply["id"],
    object: "chat.completion",
    created: 0,
    model: reply["model"],
    choices: [{ index: 0, message, logprobs: null, finish_reason: finishOf(reply["stop_reason"]) }],
    usage: usageOf(reply),
  };
}

function usageOf(reply: unknown): Json | undefined {
  const usage = anthropicUsage(reply);
  if (usage === undefined) return undefined;
  return {
    prompt_tokens: usage.input,
    completion_tokens: usage.output,
    total_tokens: usage.input + usage.output,
    prompt_tokens_details: { cached_tokens: usage.cacheRead },
  };
}

/** Makes OpenAI's chunks of Anthropic's events. */
function chunkReader({ body }: Ask): AnthropicReader {
  const wantsUsage = objectAt(body, "stream_options")?.["include_usage"] === true;
  let head: Json = {};
  let calls = -1;
  const chunk = (choices: readonly Json[], more: Json = {}): SseEvent => ({
    data: JSON.stringify({ ...head, object: "chat.completion.chunk", created: 0, choices, ...more }),
  });
  const delta = (fields: Json, finish: string | null = null) => [
    chunk([{ index: 0, delta: fields, finish_reason: finish }]),
  ];
  const onDelta = (event: Json): readonly SseEvent[] => {
    const text = stringAt(objectAt(event, "delta"), "text");
    const json = stringAt(objectAt(event, "delta"), "partial_json");
    if (text !== undefined) return delta({ content: text });
    return json === undefined ? [] : delta({ tool_calls: [{ index: calls, function: { arguments: json } }] });
  };
  const reader: AnthropicReader = new AnthropicReader((event) => {
    const block = objectAt(event, "content_block");
    switch (event["type"]) {
      case "message_start":
        head = pick(objectAt(event, "message") ?? {}, ["id", "model"]);
        return delta({ role: "assistant", content: "" });
      case "content_block_start":
        if (block?.["type"] !== "tool_use") return [];
        calls += 1;
        return delta({
          tool_calls: [
            { index: calls, id: block["id"], type: "function", function: { name: block["name"], arguments: "" } },
          ],
        });
      case "content_block_delta":
        return onDelta(event);
      case "message_delta":
        return delta({}, finishOf(objectAt(event, "delta")?.["stop_reason"]));
      case "message_stop": {
        const { usage } = reader;
        const figures =
          usage === undefined
            ? undefined
            : { prompt_tokens: usage.input, completion_tokens: usage.output, total_tokens: usage.input + usage.output };
        return [...(wantsUsage ? [chunk([], { usage: figures })] : []), { data: "[DONE]" }];
      }
      default:
        return [];
    }
  });
  return reader;
}
