import type {
  AssistantPart,
  ChatRequest,
  Conversation,
  FinishReason,
  ImagePart,
  ModelEvent,
  TextPart,
  ToolChoice,
  Turn,
  UserPart,
} from "./chat-request.ts";
import type { ProviderDialect, ProviderRequestOptions, StreamDecoder } from "./dialect.ts";
import { arrayAt, countAt, isObject, type Json, objectAt, parseObject, stringAt } from "./json.ts";
import { refused } from "./request-checks.ts";
import type { SseEvent } from "./sse.ts";
import { anthropicUsage } from "./usage.ts";

const version = "2023-06-01";

/** Anthropic's messages. */
export const anthropicProvider: ProviderDialect = {
  name: "anthropic",
  path: "/v1/messages",
  headers: (key) => ({ "x-api-key": key, "anthropic-version": version }),
  encodeRequest,
  decodeAnswer,
  streamDecoder: () => new AnthropicStreamDecoder(),
};

function encodeRequest(request: ChatRequest, { model, outputTokens }: ProviderRequestOptions): Json {
  const { source, isStream } = request;
  if (source.dialect === "anthropic") {
    return { ...source.body, ...thinkingWithin(source.body, outputTokens), model, max_tokens: outputTokens };
  }
  return {
    model,
    max_tokens: outputTokens,
    ...encodeConversation(request.conversation()),
    ...(isStream ? { stream: true } : {}),
  };
}

/** The smallest budget for thinking that Anthropic accepts. */
const thinkingTokensMin = 1_024;

/** Anthropic wants the budget for thinking to be smaller than the bound of the whole answer. */
function thinkingWithin({ thinking }: Json, outputTokens: number): Json {
  const budget = countAt(thinking, "budget_tokens");
  if (!isObject(thinking) || budget === undefined || budget < outputTokens) return {};
  if (outputTokens <= thinkingTokensMin) return { thinking: { type: "disabled" } };
  return { thinking: { ...thinking, budget_tokens: outputTokens - 1 } };
}

function encodeConversation(conversation: Conversation): Json {
  const { system, turns, tools, temperature, topP, stop, outputSchema: schema } = conversation;
  return {
    messages: merge(turns.map(encodeTurn)),
    ...(system === "" ? {} : { system }),
    ...(tools.length === 0
      ? {}
      : {
          tools: tools.map(({ name, description, parameters }) => ({
            name,
            ...(description === undefined ? {} : { description }),
            input_schema: parameters,
          })),
          ...encodeToolChoice(conversation),
        }),
    ...(stop.length === 0 ? {} : { stop_sequences: stop }),
    ...(schema === undefined ? {} : { output_config: { format: { type: "json_schema", schema } } }),
    ...(temperature === undefined ? {} : { temperature }),
    ...(topP === undefined ? {} : { top_p: topP }),
  };
}

interface Message {
  readonly role: Turn["role"];
  readonly content: Json[];
}

const encodeTurn = ({ role, parts }: Turn): Message => ({ role, content: encodeParts(parts) });

/** Anthropic refuses an empty text block, and with it the whole conversation. */
const encodeParts = (parts: readonly (UserPart | AssistantPart)[]): Json[] =>
  parts.filter((part) => part.type !== "text" || part.text !== "").map(encodePart);

function encodePart(part: UserPart | AssistantPart): Json {
  switch (part.type) {
    case "text":
      return { type: "text", text: part.text };
    case "image":
      return { type: "image", source: { type: "base64", media_type: part.mediaType, data: part.base64 } };
    case "toolCall":
      return { type: "tool_use", id: part.id, name: part.name, input: part.input };
    case "toolResult":
      return {
        type: "tool_result",
        tool_use_id: part.callId,
        content: toolResultContent(part.parts),
        ...(part.isError ? { is_error: true } : {}),
      };
  }
}

function toolResultContent(parts: readonly (TextPart | ImagePart)[]): string | Json[] {
  const isText = parts.every((part) => part.type === "text");
  return isText ? parts.map((part) => (part.type === "text" ? part.text : "")).join("") : encodeParts(parts);
}

/** Anthropic wants turns to alternate and none to be empty: messages of one role become one, and empty ones are left out. */
function merge(messages: readonly Message[]): Message[] {
  const merged: Message[] = [];
  for (const { role, content } of messages) {
    if (content.length === 0) continue;
    const last = merged.at(-1);
    if (last?.role === role) last.content.push(...content);
    else merged.push({ role, content: [...content] });
  }
  if (merged.length === 0) throw refused("messages", "The messages hold no content");
  return merged;
}

function encodeToolChoice({ toolChoice, parallelToolCalls }: Conversation): Json {
  const serial = parallelToolCalls ? {} : { disable_parallel_tool_use: true };
  if (toolChoice === undefined && parallelToolCalls) return {};
  if (toolChoice === "none") return { tool_choice: { type: "none" } };
  return { tool_choice: { ...toolChoiceTypes(toolChoice ?? "auto"), ...serial } };
}

function toolChoiceTypes(choice: ToolChoice): Json {
  if (typeof choice !== "string") return { type: "tool", name: choice.name };
  return { type: choice === "required" ? "any" : "auto" };
}

const finishReasons: Readonly<Record<string, FinishReason>> = {
  end_turn: "stop",
  stop_sequence: "stop",
  max_tokens: "length",
  model_context_window_exceeded: "length",
  tool_use: "tool_calls",
  refusal: "content_filter",
};
const finishOf = (reason: string): FinishReason => finishReasons[reason] ?? reason;

function decodeAnswer(answer: Json): readonly ModelEvent[] {
  const failure = failureIn(answer);
  if (failure !== undefined) return [failure];
  const events: ModelEvent[] = [
    { type: "start", id: stringAt(answer, "id") ?? "", model: stringAt(answer, "model") ?? "" },
  ];
  let calls = 0;
  for (const block of arrayAt(answer, "content").filter(isObject)) {
    const text = stringAt(block, "text");
    const thinking = stringAt(block, "thinking");
    if (block["type"] === "tool_use") events.push(toolCallOf(block, calls++, JSON.stringify(block["input"] ?? {})));
    else if (text !== undefined) events.push({ type: "text", text });
    else if (thinking !== undefined) events.push({ type: "reasoning", text: thinking });
  }
  const reason = stringAt(answer, "stop_reason");
  if (reason !== undefined) events.push({ type: "finish", reason: finishOf(reason) });
  const usage = anthropicUsage(answer);
  if (usage !== undefined) events.push({ type: "usage", usage });
  events.push({ type: "end" });
  return events;
}

const toolCallOf = (block: Json, index: number, text: string): ModelEvent => ({
  type: "toolCall",
  index,
  id: stringAt(block, "id"),
  name: stringAt(block, "name"),
  arguments: text,
});

/** Reads Anthropic's events. */
class AnthropicStreamDecoder implements StreamDecoder {
  readonly #usage: Record<string, unknown> = {};
  /** Anthropic numbers all blocks; a tool call's index counts calls alone. */
  readonly #callOfBlock = new Map<unknown, number>();

  decode({ data }: SseEvent): readonly ModelEvent[] | undefined {
    const event = parseObject(data);
    if (event === undefined) return undefined;
    switch (event["type"]) {
      case "message_start": {
        const message = objectAt(event, "message");
        const start: ModelEvent = {
          type: "start",
          id: stringAt(message, "id") ?? "",
          model: stringAt(message, "model") ?? "",
        };
        return [start, ...this.#usageAfter(objectAt(message, "usage"))];
      }
      case "content_block_start":
        return this.#blockStart(event);
      case "content_block_delta":
        return this.#delta(event);
      case "message_delta": {
        const reason = stringAt(objectAt(event, "delta"), "stop_reason");
        const usage = this.#usageAfter(objectAt(event, "usage"));
        return reason === undefined ? usage : [{ type: "finish", reason: finishOf(reason) }, ...usage];
      }
      case "message_stop":
        return [{ type: "end" }];
      default: {
        const failure = failureIn(event);
        return failure === undefined ? [] : [failure];
      }
    }
  }

  #blockStart(event: Json): ModelEvent[] {
    const block = objectAt(event, "content_block") ?? {};
    const text = stringAt(block, "text") ?? "";
    if (block["type"] !== "tool_use") return text === "" ? [] : [{ type: "text", text }];
    const index = this.#callOfBlock.size;
    this.#callOfBlock.set(event["index"], index);
    return [toolCallOf(block, index, "")];
  }

  #delta(event: Json): ModelEvent[] {
    const delta = objectAt(event, "delta");
    const text = stringAt(delta, "text");
    if (text !== undefined) return [{ type: "text", text }];
    const thinking = stringAt(delta, "thinking");
    if (thinking !== undefined) return [{ type: "reasoning", text: thinking }];
    const json = stringAt(delta, "partial_json");
    const index = this.#callOfBlock.get(event["index"]);
    if (json === undefined || index === undefined) return [];
    return [{ type: "toolCall", index, id: undefined, name: undefined, arguments: json }];
  }

  /** The figures are totals so far. A figure that is left out or null stands as an earlier event reported it. */
  #usageAfter(figures: Json | undefined): ModelEvent[] {
    if (figures === undefined) return [];
    for (const [name, value] of Object.entries(figures)) if (value !== null) this.#usage[name] = value;
    const usage = anthropicUsage({ usage: this.#usage });
    return usage === undefined ? [] : [{ type: "usage", usage }];
  }
}

function failureIn(answer: Json): ModelEvent | undefined {
  const { error, type } = answer;
  if (type !== "error" && (error === undefined || error === null)) return undefined;
  const message = typeof error === "string" ? error : stringAt(error, "message");
  return {
    type: "failure",
    message: message ?? JSON.stringify(error ?? answer).slice(0, 500),
    status: countAt(error, "code"),
  };
}
