import type {
  AssistantPart,
  ChatRequest,
  Conversation,
  ImagePart,
  ModelEvent,
  TextPart,
  ToolChoice,
  Turn,
} from "./chat-request.ts";
import type { ProviderDialect, ProviderRequestOptions, StreamDecoder } from "./dialect.ts";
import { arrayAt, countAt, type Json, objectAt, parseObject, stringAt } from "./json.ts";
import type { SseEvent } from "./sse.ts";
import { openaiUsage } from "./usage.ts";

/** OpenAI's chat completions, as OpenAI and the servers compatible with it speak them. */
export const openaiProvider: ProviderDialect = {
  name: "openai",
  path: "/chat/completions",
  headers: (key) => (key === "" ? {} : { authorization: `Bearer ${key}` }),
  encodeRequest,
  decodeAnswer,
  streamDecoder: () => new OpenaiStreamDecoder(),
};

function encodeRequest(request: ChatRequest, { model, outputTokens, outputCapField }: ProviderRequestOptions): Json {
  const { source, isStream } = request;
  const bounds = {
    model,
    [outputCapField]: outputTokens,
    ...(isStream ? { stream_options: { include_usage: true } } : {}),
  };
  if (source.dialect !== "openai")
    return { ...encodeConversation(request.conversation()), ...(isStream ? { stream: true } : {}), ...bounds };
  const {
    max_tokens: _maxTokens,
    max_completion_tokens: _maxCompletionTokens,
    stream_options: _streamOptions,
    ...passedOn
  } = source.body as Record<string, unknown>;
  return { ...passedOn, ...bounds };
}

function encodeConversation(conversation: Conversation): Json {
  const {
    system,
    turns,
    tools,
    toolChoice,
    parallelToolCalls,
    temperature,
    topP,
    stop,
    outputSchema: schema,
  } = conversation;
  const messages = turns.flatMap(encodeTurn);
  return {
    messages: system === "" ? messages : [{ role: "system", content: system }, ...messages],
    ...(tools.length === 0
      ? {}
      : {
          tools: tools.map(({ name, description, parameters }) => ({
            type: "function",
            function: { name, ...(description === undefined ? {} : { description }), parameters },
          })),
          ...(toolChoice === undefined ? {} : { tool_choice: encodeToolChoice(toolChoice) }),
          ...(parallelToolCalls ? {} : { parallel_tool_calls: false }),
        }),
    ...(temperature === undefined ? {} : { temperature }),
    ...(topP === undefined ? {} : { top_p: topP }),
    ...(stop.length === 0 ? {} : { stop }),
    ...(schema === undefined
      ? {}
      : { response_format: { type: "json_schema", json_schema: { name: "answer", schema } } }),
  };
}

const encodeToolChoice = (choice: ToolChoice): unknown =>
  typeof choice === "string" ? choice : { type: "function", function: { name: choice.name } };

/** A turn of the user's may hold tool results, which are messages of their own and come first. */
function encodeTurn(turn: Turn): Json[] {
  if (turn.role === "assistant") return [encodeAssistant(turn.parts)];
  const results = turn.parts.flatMap((part) =>
    part.type === "toolResult"
      ? [{ role: "tool", tool_call_id: part.callId, content: part.parts.map(encodePart) }]
      : [],
  );
  const rest = turn.parts.filter((part) => part.type !== "toolResult");
  return rest.length === 0 ? results : [...results, { role: "user", content: rest.map(encodePart) }];
}

function encodeAssistant(parts: readonly AssistantPart[]): Json {
  const text = parts.map((part) => (part.type === "text" ? part.text : "")).join("");
  const calls = parts.flatMap((part) =>
    part.type === "toolCall"
      ? [{ id: part.id, type: "function", function: { name: part.name, arguments: JSON.stringify(part.input) } }]
      : [],
  );
  return {
    role: "assistant",
    content: text === "" && calls.length > 0 ? null : text,
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  };
}

const encodePart = (part: TextPart | ImagePart): Json =>
  part.type === "text"
    ? { type: "text", text: part.text }
    : { type: "image_url", image_url: { url: `data:${part.mediaType};base64,${part.base64}` } };

function decodeAnswer(answer: Json): readonly ModelEvent[] {
  const failure = failureIn(answer);
  if (failure !== undefined) return [failure];
  const events: ModelEvent[] = [
    { type: "start", id: stringAt(answer, "id") ?? "", model: stringAt(answer, "model") ?? "" },
  ];
  const [choice] = arrayAt(answer, "choices");
  addContent(events, objectAt(choice, "message"));
  addEnd(events, answer, choice);
  events.push({ type: "end" });
  return events;
}

/** Reads OpenAI's chunks. */
class OpenaiStreamDecoder implements StreamDecoder {
  #hasStarted = false;

  decode({ data }: SseEvent): readonly ModelEvent[] | undefined {
    if (data.trim() === "[DONE]") return [{ type: "end" }];
    const chunk = parseObject(data);
    if (chunk === undefined) return undefined;
    const failure = failureIn(chunk);
    if (failure !== undefined) return [failure];
    const events: ModelEvent[] = [];
    if (!this.#hasStarted) {
      this.#hasStarted = true;
      events.push({ type: "start", id: stringAt(chunk, "id") ?? "", model: stringAt(chunk, "model") ?? "" });
    }
    const [choice] = arrayAt(chunk, "choices");
    addContent(events, objectAt(choice, "delta"));
    addEnd(events, chunk, choice);
    return events;
  }
}

function addContent(events: ModelEvent[], said: Json | undefined): void {
  const reasoning = stringAt(said, "reasoning_content") ?? stringAt(said, "reasoning") ?? "";
  if (reasoning !== "") events.push({ type: "reasoning", text: reasoning });
  for (const field of ["content", "refusal"]) {
    const text = stringAt(said, field) ?? "";
    if (text !== "") events.push({ type: "text", text });
  }
  for (const [place, call] of arrayAt(said, "tool_calls").entries()) {
    const called = objectAt(call, "function");
    events.push({
      type: "toolCall",
      // Only a stream numbers its calls.
      index: countAt(call, "index") ?? place,
      id: stringAt(call, "id"),
      name: stringAt(called, "name"),
      arguments: stringAt(called, "arguments") ?? "",
    });
  }
}

function addEnd(events: ModelEvent[], answer: Json, choice: unknown): void {
  const reason = stringAt(choice, "finish_reason");
  if (reason !== undefined) events.push({ type: "finish", reason });
  const usage = openaiUsage(answer);
  if (usage !== undefined) events.push({ type: "usage", usage });
}

/** Servers shape the error inside a 200 in many ways: an object, a string, or an event of the type `error`. */
function failureIn(answer: Json): ModelEvent | undefined {
  const { error, type } = answer;
  if ((error === undefined || error === null || error === false) && type !== "error") return undefined;
  const message = typeof error === "string" ? error : (stringAt(error, "message") ?? stringAt(answer, "message"));
  return {
    type: "failure",
    message: message ?? JSON.stringify(error ?? answer).slice(0, 500),
    status: countAt(error, "code") ?? countAt(error, "status"),
  };
}
