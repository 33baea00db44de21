import type { ChatRequest } from "./chat-request.ts";
import { arrayAt, isObject, type Json, objectAt, stringAt } from "./json.ts";
import { decodeOpenaiRequest } from "./openai-endpoint.ts";
import { refused } from "./request-checks.ts";

/** Fields that are translated, or refused below. What stands in neither list is left out. */
const translated: ReadonlySet<string> = new Set(
  `model input instructions stream max_output_tokens temperature top_p tools tool_choice parallel_tool_calls text reasoning
   prompt_cache_key stream_options`.split(/\s+/),
);
const refusedFields: Readonly<Record<string, string>> = {
  previous_response_id: "the bridge keeps no conversation at a provider",
  conversation: "the bridge keeps no conversation at a provider",
  background: "an answer without a reader has no bounded wait",
  prompt: "the provider would fill in a prompt that the bridge cannot read",
};
/** Items of the input that hold nothing a model of another dialect could read. */
const droppedItems: ReadonlySet<string> = new Set(["reasoning"]);

/**
 * Reads a request of OpenAI's Responses as the chat request that means the same. Nothing is kept at the provider.
 * @throws BridgeError LLM_REQUEST_REFUSED
 */
export function decodeResponsesRequest(given: unknown): ChatRequest {
  if (!isObject(given)) throw refused("body", "The body is not a JSON object");
  for (const [field, reason] of Object.entries(refusedFields)) {
    const value = given[field];
    if (value !== undefined && value !== null && value !== false)
      throw refused(field, `The bridge does not pass on ${field}: ${reason}`);
  }
  const dropped = new Set(Object.keys(given).filter((key) => !translated.has(key)));
  // The bridge stores nothing at a provider, which is what the caller asks for.
  if (given["store"] === false) dropped.delete("store");
  const custom = new Set<string>();
  const tools = arrayAt(given, "tools").flatMap((tool) => toolsOf(tool, custom, dropped));
  const request = decodeOpenaiRequest({
    model: given["model"],
    messages: [...instructionsOf(given), ...messagesOf(given["input"], dropped)],
    ...(given["stream"] === true ? { stream: true, stream_options: { include_usage: true } } : {}),
    ...renamed(given, { max_output_tokens: "max_completion_tokens" }),
    ...renamed(given, { temperature: "temperature", top_p: "top_p", prompt_cache_key: "prompt_cache_key" }),
    ...(tools.length === 0 ? {} : { tools, ...toolChoiceOf(given["tool_choice"], tools) }),
    ...(tools.length === 0 ? {} : renamed(given, { parallel_tool_calls: "parallel_tool_calls" })),
    ...formatOf(objectAt(given, "text")),
    ...renamed(objectAt(given, "reasoning"), { effort: "reasoning_effort" }),
  });
  return { ...request, textTools: custom, dropped: [...dropped, ...request.dropped].slice(0, 20) };
}

const renamed = (from: Json | undefined, names: Readonly<Record<string, string>>): Json =>
  Object.fromEntries(
    Object.entries(names).flatMap(([name, other]) => {
      const value = from?.[name];
      return value === undefined || value === null ? [] : [[other, value]];
    }),
  );

const instructionsOf = (given: Json): Json[] => {
  const text = stringAt(given, "instructions") ?? "";
  return text === "" ? [] : [{ role: "system", content: text }];
};

/** A custom tool takes free text. As a function it has one argument that holds it. */
function toolsOf(tool: unknown, custom: Set<string>, dropped: Set<string>): Json[] {
  const type = stringAt(tool, "type");
  const name = stringAt(tool, "name");
  if (isObject(tool) && type === "namespace")
    return arrayAt(tool, "tools").flatMap((inner) => toolsOf(inner, custom, dropped));
  if (type !== "function" && type !== "custom") {
    // A provider's own tool, such as a web search, is billed apart from tokens. Agents offer it with every call and do without.
    dropped.add(`tools:${(type ?? "unknown").slice(0, 60)}`);
    return [];
  }
  if (name === undefined) throw refused("tools", "A tool has no name");
  const description = stringAt(tool, "description") ?? "";
  if (type === "function") {
    const parameters = objectAt(tool, "parameters") ?? { type: "object", properties: {} };
    const strict = isObject(tool) && tool["strict"] === true ? { strict: true } : {};
    return [{ type: "function", function: { name, description, parameters, ...strict } }];
  }
  custom.add(name);
  const grammar = stringAt(objectAt(tool, "format"), "definition");
  const explained =
    grammar === undefined ? description : `${description}\n\nThe input follows this grammar:\n${grammar}`;
  const parameters = { type: "object", properties: { input: { type: "string" } }, required: ["input"] };
  return [{ type: "function", function: { name, description: explained, parameters } }];
}

function toolChoiceOf(choice: unknown, tools: readonly Json[]): Json {
  if (choice === "auto" || choice === "none" || choice === "required") return { tool_choice: choice };
  const name = stringAt(choice, "name");
  const isOffered = tools.some((tool) => stringAt(objectAt(tool, "function"), "name") === name);
  return name === undefined || !isOffered ? {} : { tool_choice: { type: "function", function: { name } } };
}

function formatOf(text: Json | undefined): Json {
  const format = objectAt(text, "format");
  const { type: _type, ...schema } = (format ?? {}) as Record<string, unknown>;
  const verbosity = renamed(text, { verbosity: "verbosity" });
  if (stringAt(format, "type") === "json_schema")
    return { response_format: { type: "json_schema", json_schema: schema }, ...verbosity };
  return stringAt(format, "type") === "json_object"
    ? { response_format: { type: "json_object" }, ...verbosity }
    : verbosity;
}

/** Neighbouring calls of tools are one message of the assistant's, with the text before them. */
function messagesOf(input: unknown, dropped: Set<string>): Json[] {
  if (typeof input === "string") return [{ role: "user", content: input }];
  if (!Array.isArray(input)) throw refused("input", "input is neither a text nor a list of items");
  const messages: Json[] = [];
  for (const item of input as readonly unknown[]) {
    const message = messageOf(item, dropped);
    const last = messages.at(-1);
    if (message === undefined) continue;
    const calls = arrayAt(message, "tool_calls");
    if (calls.length > 0 && last?.["role"] === "assistant")
      messages[messages.length - 1] = { ...last, tool_calls: [...arrayAt(last, "tool_calls"), ...calls] };
    else messages.push(message);
  }
  return messages;
}

function messageOf(item: unknown, dropped: Set<string>): Json | undefined {
  if (!isObject(item)) throw refused("input", "An item of the input is not a JSON object");
  const type = stringAt(item, "type") ?? "message";
  if (droppedItems.has(type)) {
    dropped.add(`input:${type}`);
    return undefined;
  }
  const id = stringAt(item, "call_id") ?? "";
  switch (type) {
    case "message":
      return { role: roleOf(item), content: contentOf(item["content"]) };
    case "function_call":
      return callOf(id, stringAt(item, "name") ?? "", stringAt(item, "arguments") ?? "{}");
    case "custom_tool_call":
      return callOf(id, stringAt(item, "name") ?? "", JSON.stringify({ input: stringAt(item, "input") ?? "" }));
    case "function_call_output":
    case "custom_tool_call_output":
      return { role: "tool", tool_call_id: id, content: contentOf(item["output"]) };
    default:
      throw refused("input", `An item of the type ${type.slice(0, 100)} has no bounded cost`);
  }
}

const callOf = (id: string, name: string, json: string): Json => ({
  role: "assistant",
  content: null,
  tool_calls: [{ id, type: "function", function: { name, arguments: json } }],
});

const roleOf = (item: Json): string => {
  const role = stringAt(item, "role") ?? "user";
  return role === "developer" ? "system" : role;
};

function contentOf(content: unknown): unknown {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) throw refused("input", "Content is neither a text nor a list of parts");
  const parts = content.map(partOf);
  return parts.every((part) => part["type"] === "text") ? parts.map((part) => part["text"]).join("") : parts;
}

function partOf(part: unknown): Json {
  const text = stringAt(part, "text") ?? stringAt(part, "refusal");
  const url = stringAt(part, "image_url");
  if (url !== undefined) return { type: "image_url", image_url: { url } };
  if (text !== undefined) return { type: "text", text };
  throw refused("input", `A part of the type ${String(stringAt(part, "type")).slice(0, 100)} has no bounded cost`);
}
