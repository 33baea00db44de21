import type { TokenUsage } from "../../../budget/index.ts";
import type {
  AssistantPart,
  ChatRequest,
  Conversation,
  ImagePart,
  ModelEvent,
  TextPart,
  Tool,
  ToolChoice,
  Turn,
} from "./chat-request.ts";
import type { DialectError, EndpointDialect, StreamEncoder } from "./dialect.ts";
import { arrayAt, isObject, type Json, objectAt, parseObject, stringAt } from "./json.ts";
import { checkBody, type FieldRules, refused } from "./request-checks.ts";
import type { SseEvent } from "./sse.ts";

const rules: FieldRules = {
  passed: new Set(
    `model messages stream stream_options max_tokens max_completion_tokens temperature top_p top_k min_p stop n
     tools tool_choice parallel_tool_calls functions function_call response_format seed presence_penalty frequency_penalty
     repetition_penalty logprobs top_logprobs logit_bias reasoning_effort thinking verbosity prompt_cache_key`.split(
      /\s+/,
    ),
  ),
  refused: {
    web_search_options: "a web search is billed apart from tokens",
    prediction: "tokens that were predicted and not used are billed, too",
    audio: "the tokens of audio have a price of their own",
    previous_response_id: "the bridge keeps no conversation at a provider",
  },
};

/**
 * Fields without a counterpart in other dialects. They are refused there, because dropping them would change the answer. The seed,
 * the effort, the verbosity and the cache key are wishes that a provider may ignore, and are left out.
 */
const untranslatable = [
  "logprobs",
  "top_logprobs",
  "logit_bias",
  "presence_penalty",
  "frequency_penalty",
  "repetition_penalty",
  "top_k",
  "min_p",
  "thinking",
  "functions",
  "function_call",
];

/** OpenAI's chat completions, as callers use them. */
export const openaiEndpoint: EndpointDialect = {
  name: "openai",
  decodeRequest: decodeOpenaiRequest,
  encodeAnswer,
  streamEncoder: ({ wantsUsage }) => new OpenaiStreamEncoder(wantsUsage),
  encodeError: encodeOpenaiError,
  errorEvent: (error) => ({ data: JSON.stringify(encodeOpenaiError(error)) }),
};

export function decodeOpenaiRequest(given: unknown): ChatRequest {
  const { body, model, outputTokens, promptTokensBound, dropped } = checkBody(given, rules);
  const modalities = isObject(given) ? arrayAt(given, "modalities") : [];
  if (modalities.some((modality) => modality !== "text"))
    throw refused("modalities", "The bridge does not pass on modalities: only text has a bounded cost");
  return {
    model,
    isStream: body["stream"] === true,
    outputTokens,
    promptTokensBound,
    dropped,
    headers: {},
    textTools: new Set(),
    wantsUsage: objectAt(body, "stream_options")?.["include_usage"] === true,
    source: { dialect: "openai", body },
    conversation: () => conversationOf(body),
  };
}

function conversationOf(body: Json): Conversation {
  const wrong = untranslatable.find((field) => isGiven(body[field]));
  if (wrong !== undefined) throw refused(wrong, `${wrong} has no counterpart at this model's provider`);
  const messages = arrayAt(body, "messages").filter(isObject);
  const isSystem = ({ role }: Json) => role === "system" || role === "developer";
  const stop = body["stop"];
  return {
    system: messages
      .filter(isSystem)
      .map(({ content }) => textsOf(content).join(""))
      .join("\n\n"),
    turns: messages.filter((message) => !isSystem(message)).map(turnOf),
    tools: arrayAt(body, "tools").map(toolOf),
    toolChoice: toolChoiceOf(body["tool_choice"]),
    parallelToolCalls: body["parallel_tool_calls"] !== false,
    temperature: numberOf(body["temperature"]),
    topP: numberOf(body["top_p"]),
    outputSchema: outputSchemaOf(objectAt(body, "response_format")),
    stop: typeof stop === "string" ? [stop] : arrayAt(body, "stop").filter((text) => typeof text === "string"),
  };
}

const isGiven = (value: unknown): boolean => value !== undefined && value !== null;
const numberOf = (value: unknown): number | undefined => (typeof value === "number" ? value : undefined);

function turnOf(message: Json): Turn {
  const { role, content } = message;
  if (role === "user") return { role, parts: partsOf(content) };
  if (role === "tool") {
    const callId = stringAt(message, "tool_call_id") ?? "";
    return { role: "user", parts: [{ type: "toolResult", callId, isError: false, parts: partsOf(content) }] };
  }
  if (role !== "assistant") throw refused("messages", `The role ${String(role)} has no counterpart here`);
  if (isGiven(message["function_call"]) || isGiven(message["audio"]))
    throw refused("messages", "function_call and audio have no counterpart at this model's provider");
  const texts = [...textsOf(content), stringAt(message, "refusal") ?? ""].filter((text) => text !== "");
  const parts: AssistantPart[] = texts.map((text) => ({ type: "text", text }));
  for (const call of arrayAt(message, "tool_calls")) parts.push(toolCallOf(call));
  return { role: "assistant", parts };
}

function toolCallOf(call: unknown): AssistantPart {
  const called = objectAt(call, "function");
  const name = stringAt(called, "name");
  if (name === undefined) throw refused("messages", "A tool call names no function");
  const text = stringAt(called, "arguments") ?? "";
  const input = text.trim() === "" ? {} : parseObject(text);
  if (input === undefined) throw refused("messages", `The arguments of the tool call ${name} are not a JSON object`);
  return { type: "toolCall", id: stringAt(call, "id") ?? "", name, input };
}

/** The text parts of an assistant's or a system's message. */
function textsOf(content: unknown): string[] {
  if (typeof content === "string") return [content];
  return (Array.isArray(content) ? content : []).map((part: unknown) => {
    const text = stringAt(part, "text") ?? stringAt(part, "refusal");
    if (text === undefined) throw refused("messages", "Only text has a counterpart at this place");
    return text;
  });
}

function partsOf(content: unknown): (TextPart | ImagePart)[] {
  if (typeof content === "string") return [{ type: "text", text: content }];
  return (Array.isArray(content) ? content : []).map((part: unknown): TextPart | ImagePart => {
    const url = stringAt(objectAt(part, "image_url"), "url");
    const text = stringAt(part, "text");
    if (url === undefined && text !== undefined) return { type: "text", text };
    const [, mediaType, base64] = /^data:([^;,]+);base64,(.*)$/s.exec(url ?? "") ?? [];
    if (mediaType === undefined || base64 === undefined)
      throw refused("messages", "A part of a message is neither text nor a base64 image");
    return { type: "image", mediaType, base64 };
  });
}

function toolOf(tool: unknown): Tool {
  const described = objectAt(tool, "function");
  const name = stringAt(described, "name");
  if (name === undefined) throw refused("tools", "A tool names no function");
  return {
    name,
    description: stringAt(described, "description"),
    parameters: objectAt(described, "parameters") ?? { type: "object" },
  };
}

function outputSchemaOf(format: Json | undefined): Json | undefined {
  const type = stringAt(format, "type");
  if (type === undefined || type === "text") return undefined;
  const schema = objectAt(format, "json_schema", "schema");
  if (type !== "json_schema" || schema === undefined)
    throw refused("response_format", `The response_format ${type} has no counterpart at this model's provider`);
  return schema;
}

function toolChoiceOf(choice: unknown): ToolChoice | undefined {
  const name = stringAt(objectAt(choice, "function"), "name");
  if (name !== undefined) return { name };
  if (choice === "none" || choice === "required" || choice === "auto") return choice;
  if (isGiven(choice)) throw refused("tool_choice", "This tool_choice has no counterpart at this model's provider");
  return undefined;
}

function encodeAnswer(events: readonly ModelEvent[]): Json {
  const answer = gather(events);
  return {
    id: answer.id,
    object: "chat.completion",
    created: 0,
    model: answer.model,
    choices: [
      {
        index: 0,
        message: {
          role: "assistant",
          content: answer.text === "" && answer.calls.length > 0 ? null : answer.text,
          refusal: null,
          ...(answer.calls.length === 0 ? {} : { tool_calls: answer.calls }),
        },
        logprobs: null,
        finish_reason: answer.finishReason,
      },
    ],
    usage: answer.usage === undefined ? undefined : encodeUsage(answer.usage),
  };
}

function gather(events: readonly ModelEvent[]) {
  const answer = {
    id: "",
    model: "",
    text: "",
    finishReason: "stop",
    calls: [] as Json[],
    usage: undefined as TokenUsage | undefined,
  };
  for (const event of events) {
    if (event.type === "start") Object.assign(answer, { id: event.id, model: event.model });
    else if (event.type === "text") answer.text += event.text;
    else if (event.type === "finish") answer.finishReason = event.reason;
    else if (event.type === "usage") answer.usage = event.usage;
    else if (event.type === "toolCall")
      answer.calls.push({
        id: event.id,
        type: "function",
        function: { name: event.name, arguments: event.arguments },
      });
  }
  return answer;
}

const encodeUsage = ({ input, output, cacheRead }: TokenUsage): Json => ({
  prompt_tokens: input,
  completion_tokens: output,
  total_tokens: input + output,
  prompt_tokens_details: { cached_tokens: cacheRead },
});

/** Writes OpenAI's chunks. */
class OpenaiStreamEncoder implements StreamEncoder {
  readonly #wantsUsage: boolean;
  #head: Json = { id: "", model: "" };
  #usage: TokenUsage | undefined;

  constructor(wantsUsage: boolean) {
    this.#wantsUsage = wantsUsage;
  }

  encode(event: ModelEvent): readonly SseEvent[] {
    switch (event.type) {
      case "start":
        this.#head = { id: event.id, model: event.model };
        return this.#delta({ role: "assistant", content: "" });
      case "text":
        return this.#delta({ content: event.text });
      case "toolCall": {
        const { index, id, name } = event;
        const first = id === undefined && name === undefined ? {} : { id, type: "function" };
        const called = { ...(name === undefined ? {} : { name }), arguments: event.arguments };
        return this.#delta({ tool_calls: [{ index, ...first, function: called }] });
      }
      case "usage":
        this.#usage = event.usage;
        return [];
      case "finish":
        return this.#delta({}, event.reason);
      case "end":
        return [...this.#usageChunk(), { data: "[DONE]" }];
      default:
        return [];
    }
  }

  /** The chunk with the usage holds no choice, and a caller who did not ask for it does not expect that. */
  passesOn(event: SseEvent, decoded: readonly ModelEvent[]): boolean {
    const [only] = decoded;
    if (this.#wantsUsage || decoded.length !== 1 || only?.type !== "usage") return true;
    return arrayAt(parseObject(event.data), "choices").length > 0;
  }

  #usageChunk(): SseEvent[] {
    if (!this.#wantsUsage || this.#usage === undefined) return [];
    return [this.#chunk([], { usage: encodeUsage(this.#usage) })];
  }

  #delta(delta: Json, finish: string | null = null): SseEvent[] {
    return [this.#chunk([{ index: 0, delta, finish_reason: finish }])];
  }

  #chunk(choices: readonly Json[], more: Json = {}): SseEvent {
    return {
      data: JSON.stringify({ ...this.#head, object: "chat.completion.chunk", created: 0, choices, ...more }),
    };
  }
}

const errorTypes: Readonly<Record<number, string>> = { 401: "authentication_error", 429: "rate_limit_error" };

export function encodeOpenaiError({ status, code, message, remedy, details }: DialectError): Json {
  const type = errorTypes[status] ?? (status >= 500 ? "server_error" : "invalid_request_error");
  return { error: { message, type, code, param: null, remedy, details } };
}
