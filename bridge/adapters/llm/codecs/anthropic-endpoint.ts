import type { TokenUsage } from "../../../budget/index.ts";
import type {
  AssistantPart,
  ChatRequest,
  Conversation,
  FinishReason,
  ImagePart,
  ModelEvent,
  TextPart,
  Tool,
  ToolChoice,
  Turn,
  UserPart,
} from "./chat-request.ts";
import type { DialectError, EndpointDialect, RequestHeaders, StreamEncoder } from "./dialect.ts";
import { arrayAt, isObject, type Json, objectAt, parseObject, stringAt } from "./json.ts";
import { checkBody, type FieldRules, refused } from "./request-checks.ts";
import type { SseEvent } from "./sse.ts";

const rules: FieldRules = {
  passed: new Set(
    `model messages system max_tokens stream temperature top_p top_k stop_sequences
     tools tool_choice thinking output_config context_management`.split(/\s+/),
  ),
  refused: {
    container: "the provider's code execution is billed apart from tokens",
    mcp_servers: "the provider would call servers in the agent's place",
  },
};

/** Features in beta whose cost is bounded by the tokens of the prompt and the answer. Others are left out. */
const boundedBetas: ReadonlySet<string> = new Set(
  `claude-code-20250219 interleaved-thinking-2025-05-14 thinking-token-count-2026-05-13 context-management-2025-06-27
   prompt-caching-2024-07-31 prompt-caching-scope-2026-01-05 extended-cache-ttl-2025-04-11 structured-outputs-2025-11-13
   structured-outputs-2025-12-15 fine-grained-tool-streaming-2025-05-14 token-efficient-tools-2025-02-19
   output-128k-2025-02-19 effort-2025-11-24 advanced-tool-use-2025-11-20 tool-examples-2025-10-29
   computer-use-2025-01-24 computer-use-2025-11-24 pdfs-2024-09-25`.split(/\s+/),
);
const contextManagement = "context-management-";

/** Anthropic's messages, as callers use them. */
export const anthropicEndpoint: EndpointDialect = {
  name: "anthropic",
  decodeRequest,
  encodeAnswer,
  streamEncoder: () => new AnthropicStreamEncoder(),
  encodeError,
  errorEvent: (error) => ({ event: "error", data: JSON.stringify(encodeError(error)) }),
};

function decodeRequest(given: unknown, headers: RequestHeaders = {}): ChatRequest {
  const { body: checked, model, outputTokens, promptTokensBound, dropped } = checkBody(given, rules);
  const betas = betasOf(headers["anthropic-beta"]);
  const passed = betas.filter((beta) => boundedBetas.has(beta));
  const left = betas.filter((beta) => !boundedBetas.has(beta)).map((beta) => `anthropic-beta:${beta}`);
  const { context_management: management, ...others } = checked as Json & { context_management?: unknown };
  const isManaged = management === undefined || passed.some((beta) => beta.startsWith(contextManagement));
  const body = isManaged ? checked : others;
  return {
    model,
    isStream: body["stream"] === true,
    outputTokens,
    promptTokensBound,
    dropped: [...dropped, ...left, ...(isManaged ? [] : ["context_management"])],
    headers: passed.length === 0 ? {} : { "anthropic-beta": passed.join(",") },
    textTools: new Set(),
    wantsUsage: true,
    source: { dialect: "anthropic", body },
    conversation: () => conversationOf(body),
  };
}

/** The header's features, of which no client sends more than a few. */
const betasOf = (header: string | readonly string[] | undefined): string[] =>
  [header ?? []]
    .flat()
    .join(",")
    .slice(0, 4_096)
    .split(",")
    .map((beta) => beta.trim().slice(0, 100))
    .filter((beta) => beta !== "");

function conversationOf(body: Json): Conversation {
  if (typeof body["top_k"] === "number") throw refused("top_k", "top_k has no counterpart at this model's provider");
  const thinking = stringAt(body["thinking"], "type");
  if (thinking !== undefined && thinking !== "disabled")
    throw refused("thinking", "thinking has no counterpart at this model's provider");
  const choice = objectAt(body, "tool_choice");
  return {
    system: textOf(body["system"]),
    turns: arrayAt(body, "messages").filter(isObject).map(turnOf),
    tools: arrayAt(body, "tools").map(toolOf),
    toolChoice: toolChoiceOf(choice),
    parallelToolCalls: choice?.["disable_parallel_tool_use"] !== true,
    temperature: typeof body["temperature"] === "number" ? body["temperature"] : undefined,
    topP: typeof body["top_p"] === "number" ? body["top_p"] : undefined,
    outputSchema: objectAt(body, "output_config", "format", "schema") ?? objectAt(body, "output_format", "schema"),
    stop: arrayAt(body, "stop_sequences").filter((text) => typeof text === "string"),
  };
}

function turnOf({ role, content }: Json): Turn {
  const blocks =
    typeof content === "string" ? [{ type: "text", text: content }] : Array.isArray(content) ? content : [];
  if (role === "user") return { role, parts: blocks.map(userPartOf) };
  if (role === "assistant") return { role, parts: blocks.map(assistantPartOf) };
  throw refused("messages", `The role ${String(role)} has no counterpart at this model's provider`);
}

function userPartOf(block: unknown): UserPart {
  if (stringAt(block, "type") !== "tool_result") return textOrImage(block);
  const content = isObject(block) ? block["content"] : undefined;
  return {
    type: "toolResult",
    callId: stringAt(block, "tool_use_id") ?? "",
    isError: isObject(block) && block["is_error"] === true,
    parts: typeof content === "string" ? [{ type: "text", text: content }] : arrayAt(block, "content").map(textOrImage),
  };
}

function assistantPartOf(block: unknown): AssistantPart {
  const text = stringAt(block, "text");
  if (text !== undefined) return { type: "text", text };
  if (stringAt(block, "type") !== "tool_use")
    throw refused(
      "messages",
      `A block of the type ${stringAt(block, "type")} has no counterpart at this model's provider`,
    );
  const input = objectAt(block, "input") ?? {};
  return { type: "toolCall", id: stringAt(block, "id") ?? "", name: stringAt(block, "name") ?? "", input };
}

function textOrImage(block: unknown): TextPart | ImagePart {
  const text = stringAt(block, "text");
  if (text !== undefined) return { type: "text", text };
  const source = objectAt(block, "source");
  const base64 = stringAt(source, "data");
  if (base64 === undefined) throw refused("messages", "A block is neither text nor a base64 image");
  return { type: "image", mediaType: stringAt(source, "media_type") ?? "", base64 };
}

/** A text, or the texts of a list of blocks. */
const textOf = (content: unknown): string =>
  typeof content === "string"
    ? content
    : arrayAt({ content }, "content")
        .map((block) => stringAt(block, "text") ?? "")
        .join("\n\n");

function toolOf(tool: unknown): Tool {
  return {
    name: stringAt(tool, "name") ?? "",
    description: stringAt(tool, "description"),
    parameters: objectAt(tool, "input_schema") ?? { type: "object" },
  };
}

function toolChoiceOf(choice: Json | undefined): ToolChoice | undefined {
  switch (choice?.["type"]) {
    case undefined:
      return undefined;
    case "none":
      return "none";
    case "any":
      return "required";
    case "tool":
      return { name: stringAt(choice, "name") ?? "" };
    default:
      return "auto";
  }
}

const stopReasons: Readonly<Record<FinishReason, string>> = {
  stop: "end_turn",
  length: "max_tokens",
  tool_calls: "tool_use",
  content_filter: "refusal",
};
const stopReasonOf = (reason: FinishReason): string => stopReasons[reason] ?? reason;

const encodeUsage = ({ input, output, cacheRead, cacheWrite }: TokenUsage): Json => ({
  input_tokens: input - cacheRead - cacheWrite,
  output_tokens: output,
  cache_read_input_tokens: cacheRead,
  cache_creation_input_tokens: cacheWrite,
});

function encodeAnswer(events: readonly ModelEvent[]): Json {
  const content: Json[] = [];
  let answer: Json = { type: "message", role: "assistant", stop_reason: "end_turn", stop_sequence: null };
  for (const event of events) {
    if (event.type === "start") answer = { id: event.id, ...answer, model: event.model };
    else if (event.type === "text") content.push({ type: "text", text: event.text });
    else if (event.type === "finish") answer = { ...answer, stop_reason: stopReasonOf(event.reason) };
    else if (event.type === "usage") answer = { ...answer, usage: encodeUsage(event.usage) };
    else if (event.type === "toolCall")
      content.push({ type: "tool_use", id: event.id, name: event.name, input: parseObject(event.arguments) ?? {} });
  }
  return { ...answer, content };
}

/** Writes Anthropic's events. */
class AnthropicStreamEncoder implements StreamEncoder {
  #blocks = 0;
  /** The block that takes text, while no other block was opened after it. */
  #textBlock: number | undefined;
  readonly #blockOfCall = new Map<number, number>();
  #stopReason = "end_turn";
  #usage: TokenUsage | undefined;
  /** The provider's own events were passed on, so that only an end mark can be missing. */
  #hasPassed = false;

  encode(event: ModelEvent): readonly SseEvent[] {
    switch (event.type) {
      case "start":
        return [sse("message_start", { message: startMessage(event) })];
      case "text":
        return this.#text(event.text);
      case "toolCall":
        return this.#toolCall(event);
      case "finish":
        this.#stopReason = stopReasonOf(event.reason);
        return [];
      case "usage":
        this.#usage = event.usage;
        return [];
      case "end":
        return this.#end();
      default:
        return [];
    }
  }

  passesOn(): boolean {
    this.#hasPassed = true;
    return true;
  }

  #text(text: string): SseEvent[] {
    const isOpen = this.#textBlock !== undefined;
    const index = this.#textBlock ?? this.#blocks++;
    this.#textBlock = index;
    const delta = sse("content_block_delta", { index, delta: { type: "text_delta", text } });
    if (isOpen) return [delta];
    return [sse("content_block_start", { index, content_block: { type: "text", text: "" } }), delta];
  }

  #toolCall({ index: call, id, name, arguments: json }: ModelEvent & { type: "toolCall" }): SseEvent[] {
    const events = this.#closeText();
    let index = this.#blockOfCall.get(call);
    if (index === undefined) {
      index = this.#blocks++;
      this.#blockOfCall.set(call, index);
      events.push(sse("content_block_start", { index, content_block: { type: "tool_use", id, name, input: {} } }));
    }
    if (json !== "")
      events.push(sse("content_block_delta", { index, delta: { type: "input_json_delta", partial_json: json } }));
    return events;
  }

  #closeText(): SseEvent[] {
    if (this.#textBlock === undefined) return [];
    const index = this.#textBlock;
    this.#textBlock = undefined;
    return [sse("content_block_stop", { index })];
  }

  /** The usage comes after the reason in OpenAI's streams, so that both wait for the end. */
  #end(): SseEvent[] {
    if (this.#hasPassed) return [sse("message_stop", {})];
    const stops = [...this.#blockOfCall.values()].map((index) => sse("content_block_stop", { index }));
    const delta = { stop_reason: this.#stopReason, stop_sequence: null };
    const usage = this.#usage === undefined ? { output_tokens: 0 } : encodeUsage(this.#usage);
    return [...this.#closeText(), ...stops, sse("message_delta", { delta, usage }), sse("message_stop", {})];
  }
}

const sse = (type: string, fields: Json): SseEvent => ({ event: type, data: JSON.stringify({ type, ...fields }) });

/** The usage is not known when the answer starts; `message_delta` reports it. */
const startMessage = ({ id, model }: ModelEvent & { type: "start" }): Json => ({
  id,
  type: "message",
  role: "assistant",
  model,
  content: [],
  stop_reason: null,
  stop_sequence: null,
  usage: { input_tokens: 0, output_tokens: 0 },
});

const errorTypes: Readonly<Record<number, string>> = {
  401: "authentication_error",
  404: "not_found_error",
  413: "request_too_large",
  429: "rate_limit_error",
  503: "overloaded_error",
  504: "timeout_error",
};

function encodeError({ status, code, message, remedy, details }: DialectError): Json {
  const type = errorTypes[status] ?? (status >= 500 ? "api_error" : "invalid_request_error");
  return { type: "error", error: { type, message, code, remedy, details } };
}
