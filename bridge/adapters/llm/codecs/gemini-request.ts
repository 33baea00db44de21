import type { ChatRequest } from "./chat-request.ts";
import { arrayAt, isObject, type Json, objectAt, stringAt } from "./json.ts";
import { decodeOpenaiRequest } from "./openai-endpoint.ts";
import { refused } from "./request-checks.ts";

const translated: ReadonlySet<string> = new Set(
  "contents systemInstruction generationConfig tools toolConfig model stream".split(" "),
);
const translatedSettings: Readonly<Record<string, string>> = {
  maxOutputTokens: "max_completion_tokens",
  temperature: "temperature",
  topP: "top_p",
  topK: "top_k",
  seed: "seed",
  stopSequences: "stop",
  presencePenalty: "presence_penalty",
  frequencyPenalty: "frequency_penalty",
};
const otherSettings: ReadonlySet<string> = new Set(
  "candidateCount responseMimeType responseSchema responseJsonSchema responseModalities".split(" "),
);

/**
 * Reads a request of Gemini's API as the chat request that means the same.
 * @param given the body, with the model and whether the answer streams, which Gemini has in the path
 * @throws BridgeError LLM_REQUEST_REFUSED
 */
export function decodeGeminiRequest(given: unknown): ChatRequest {
  if (!isObject(given)) throw refused("body", "The body is not a JSON object");
  const body = camelCased(given);
  if (body["cachedContent"] !== undefined)
    throw refused("cachedContent", "The bridge does not pass on cachedContent: it keeps no conversation at a provider");
  const dropped = new Set(Object.keys(body).filter((key) => !translated.has(key)));
  const settings = camelCased(objectAt(body, "generationConfig") ?? {});
  for (const key of Object.keys(settings))
    if (translatedSettings[key] === undefined && !otherSettings.has(key)) dropped.add(`generationConfig.${key}`);
  const tools = arrayAt(body, "tools").flatMap((tool) => toolsOf(tool, dropped));
  const request = decodeOpenaiRequest({
    model: body["model"],
    messages: [...systemOf(body["systemInstruction"]), ...messagesOf(body["contents"])],
    ...(body["stream"] === true ? { stream: true, stream_options: { include_usage: true } } : {}),
    ...settingsOf(settings),
    ...(tools.length === 0 ? {} : { tools, ...toolChoiceOf(objectAt(body, "toolConfig")) }),
  });
  return { ...request, dropped: [...dropped, ...request.dropped].slice(0, 20) };
}

/** Google's clients write names in either way. */
const camelCased = (object: Json): Json =>
  Object.fromEntries(
    Object.entries(object).map(([key, value]) => [
      key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
      value,
    ]),
  );

function settingsOf(settings: Json): Json {
  const count = settings["candidateCount"];
  if (count !== undefined && count !== 1)
    throw refused("candidateCount", "The bridge asks for one answer to each request");
  const modalities = arrayAt(settings, "responseModalities");
  if (modalities.some((modality) => modality !== "TEXT"))
    throw refused("responseModalities", "Only text has a bounded cost");
  const renamed = Object.entries(translatedSettings).flatMap(([name, other]) => {
    const value = settings[name];
    return value === undefined || value === null ? [] : [[other, value]];
  });
  const schema = objectAt(settings, "responseJsonSchema") ?? jsonSchema(objectAt(settings, "responseSchema"));
  return { ...Object.fromEntries(renamed), ...formatOf(schema, stringAt(settings, "responseMimeType")) };
}

function formatOf(schema: unknown, mimeType: string | undefined): Json {
  if (schema !== undefined)
    return { response_format: { type: "json_schema", json_schema: { name: "answer", schema } } };
  return mimeType === "application/json" ? { response_format: { type: "json_object" } } : {};
}

const named = (value: unknown, camel: string, snake: string): unknown =>
  isObject(value) ? (value[camel] ?? value[snake]) : undefined;

function toolsOf(tool: unknown, dropped: Set<string>): Json[] {
  for (const key of isObject(tool) ? Object.keys(tool) : [])
    if (key !== "functionDeclarations" && key !== "function_declarations") dropped.add(`tools.${key}`);
  const declared = named(tool, "functionDeclarations", "function_declarations");
  return (Array.isArray(declared) ? declared : []).map((one: unknown) => ({
    type: "function",
    function: {
      name: stringAt(one, "name"),
      description: stringAt(one, "description") ?? "",
      parameters: named(one, "parametersJsonSchema", "parameters_json_schema") ??
        jsonSchema(objectAt(one, "parameters")) ?? { type: "object", properties: {} },
    },
  }));
}

function toolChoiceOf(config: Json | undefined): Json {
  const calling = named(config, "functionCallingConfig", "function_calling_config");
  const mode = stringAt(calling, "mode")?.toUpperCase();
  const names = named(calling, "allowedFunctionNames", "allowed_function_names");
  const [name, ...others]: readonly unknown[] = Array.isArray(names) ? names : [];
  if (mode === "NONE") return { tool_choice: "none" };
  if (mode !== "ANY") return {};
  return {
    tool_choice:
      typeof name === "string" && others.length === 0 ? { type: "function", function: { name } } : "required",
  };
}

/** Values that are data and no schemas. */
const schemaData: ReadonlySet<string> = new Set(["enum", "required", "default", "example"]);
const schemaNumbers: ReadonlySet<string> = new Set(
  "minItems maxItems minLength maxLength minProperties maxProperties".split(" "),
);
/** Beyond this depth no schema of a real tool goes. */
const schemaDepthMax = 32;

/** Gemini's schemas are OpenAPI's: types are in capitals, `nullable` stands apart, and counts may be texts. */
function jsonSchema(schema: unknown, depth = 0): unknown {
  if (depth > schemaDepthMax) throw refused("tools", `A schema is deeper than ${schemaDepthMax} levels`);
  if (Array.isArray(schema)) return schema.map((one) => jsonSchema(one, depth + 1));
  if (!isObject(schema)) return schema;
  const entries = Object.entries(schema).flatMap(([key, value]): [string, unknown][] => {
    if (key === "nullable" || key === "propertyOrdering" || key === "property_ordering") return [];
    if (key === "type" && typeof value === "string")
      return [[key, schema["nullable"] === true ? [value.toLowerCase(), "null"] : value.toLowerCase()]];
    if (schemaNumbers.has(key)) return [[key, Number(value)]];
    if (key === "properties" && isObject(value))
      return [
        [key, Object.fromEntries(Object.entries(value).map(([name, one]) => [name, jsonSchema(one, depth + 1)]))],
      ];
    return [[key, schemaData.has(key) ? value : jsonSchema(value, depth + 1)]];
  });
  return Object.fromEntries(entries);
}

const systemOf = (instruction: unknown): Json[] => {
  const text = typeof instruction === "string" ? instruction : textOf(arrayAt(instruction, "parts"));
  return text === "" ? [] : [{ role: "system", content: text }];
};

const isThought = (part: unknown): boolean => isObject(part) && part["thought"] === true;
const textOf = (parts: readonly unknown[]): string =>
  parts.map((part) => (isThought(part) ? "" : (stringAt(part, "text") ?? ""))).join("");

/** A call that waits for its result. */
interface Call {
  readonly id: string;
  readonly name: string;
}

/** A function's response names its call by an id, or, with older clients, by the function's name. */
function messagesOf(contents: unknown): Json[] {
  if (typeof contents === "string") return [{ role: "user", content: contents }];
  if (!Array.isArray(contents)) throw refused("contents", "contents is neither a text nor a list");
  let open: Call[] = [];
  let calls = 0;
  return (contents as readonly unknown[]).flatMap((content) => {
    const parts = arrayAt(content, "parts");
    if (stringAt(content, "role") !== "model") return userMessages(parts, open);
    const called = parts.flatMap((part): Json[] => {
      const call = objectAt(part, "functionCall") ?? objectAt(part, "function_call");
      return call === undefined ? [] : [call];
    });
    const toolCalls = called.map((call) => ({
      id: stringAt(call, "id") ?? `call_${++calls}`,
      type: "function",
      function: { name: stringAt(call, "name") ?? "", arguments: JSON.stringify(call["args"] ?? {}) },
    }));
    open = toolCalls.map(({ id, function: { name } }) => ({ id, name }));
    const text = textOf(parts);
    if (text === "" && toolCalls.length === 0) return [];
    return [
      {
        role: "assistant",
        content: text === "" ? null : text,
        ...(toolCalls.length === 0 ? {} : { tool_calls: toolCalls }),
      },
    ];
  });
}

function userMessages(parts: readonly unknown[], open: Call[]): Json[] {
  const messages: Json[] = [];
  const others: Json[] = [];
  for (const part of parts) {
    const response = objectAt(part, "functionResponse") ?? objectAt(part, "function_response");
    if (response !== undefined) messages.push(resultOf(response, open));
    else if (!isThought(part)) others.push(partOf(part));
  }
  if (others.length === 0) return messages;
  return [...messages, { role: "user", content: others }];
}

function resultOf(response: Json, open: Call[]): Json {
  const id = stringAt(response, "id");
  const name = stringAt(response, "name");
  const at = open.findIndex((call) => (id === undefined ? call.name === name : call.id === id));
  const [call] = at === -1 ? [] : open.splice(at, 1);
  const output = stringAt(objectAt(response, "response"), "output");
  return {
    role: "tool",
    tool_call_id: call?.id ?? id ?? name ?? "",
    content: output ?? JSON.stringify(response["response"] ?? {}),
  };
}

function partOf(part: unknown): Json {
  const text = stringAt(part, "text");
  if (text !== undefined) return { type: "text", text };
  const data = objectAt(part, "inlineData") ?? objectAt(part, "inline_data");
  const mimeType = stringAt(data, "mimeType") ?? stringAt(data, "mime_type") ?? "";
  if (!mimeType.startsWith("image/"))
    throw refused(
      "contents",
      `A part with ${Object.keys(isObject(part) ? part : {})
        .join(", ")
        .slice(0, 200)} has no bounded cost`,
    );
  return { type: "image_url", image_url: { url: `data:${mimeType};base64,${stringAt(data, "data") ?? ""}` } };
}
