import type { TokenUsage } from "../../../budget/index.ts";
import type { FinishReason, ModelEvent } from "./chat-request.ts";
import type { DialectError, EndpointDialect, StreamEncoder } from "./dialect.ts";
import { type Json, parseObject, stringAt } from "./json.ts";
import { encodeOpenaiError } from "./openai-endpoint.ts";
import { decodeResponsesRequest } from "./responses-request.ts";
import type { SseEvent } from "./sse.ts";

/** OpenAI's Responses, as callers use them. Every provider is asked in its own dialect. */
export const responsesEndpoint: EndpointDialect = {
  name: "responses",
  decodeRequest: decodeResponsesRequest,
  encodeAnswer(events, { textTools }) {
    const encoder = new ResponsesStreamEncoder(textTools);
    for (const event of [...events, { type: "end" } as const]) encoder.encode(event);
    return encoder.response;
  },
  streamEncoder: ({ textTools }) => new ResponsesStreamEncoder(textTools),
  encodeError: encodeOpenaiError,
  errorEvent: (error) => ({ event: "response.failed", data: JSON.stringify(failed(error)) }),
};

const failed = (error: DialectError): Json => ({
  type: "response.failed",
  response: { object: "response", status: "failed", output: [], error: { code: error.code, message: error.message } },
});

/** An item of the answer that is not whole yet. */
interface OpenItem {
  readonly index: number;
  readonly id: string;
  readonly type: "message" | "function_call" | "custom_tool_call";
  readonly callId: string;
  readonly name: string;
  text: string;
}

/** Writes the events of Responses, and keeps the answer that they add up to. */
class ResponsesStreamEncoder implements StreamEncoder {
  readonly #custom: ReadonlySet<string>;
  readonly #output: Json[] = [];
  readonly #calls = new Map<number, OpenItem>();
  #message: OpenItem | undefined;
  #items = 0;
  #sequence = 0;
  #id = "";
  #model = "";
  #finish: FinishReason = "stop";
  #usage: TokenUsage | undefined;
  #isOver = false;

  constructor(custom: ReadonlySet<string>) {
    this.#custom = custom;
  }

  encode(event: ModelEvent): readonly SseEvent[] {
    switch (event.type) {
      case "start":
        this.#id = `resp_${event.id}`;
        this.#model = event.model;
        return ["response.created", "response.in_progress"].map((type) =>
          this.#event(type, { response: this.response }),
        );
      case "text":
        return this.#text(event.text);
      case "toolCall":
        return this.#toolCall(event);
      case "finish":
        this.#finish = event.reason;
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

  /** No provider is asked in this dialect. */
  passesOn(): boolean {
    return false;
  }

  /** The answer as far as it has come. */
  get response(): Json {
    const isCut = this.#finish === "length" || this.#finish === "content_filter";
    const reason = this.#finish === "length" ? "max_output_tokens" : "content_filter";
    return {
      id: this.#id,
      object: "response",
      created_at: 0,
      status: this.#isOver ? (isCut ? "incomplete" : "completed") : "in_progress",
      model: this.#model,
      output: [...this.#output],
      error: null,
      incomplete_details: this.#isOver && isCut ? { reason } : null,
      parallel_tool_calls: true,
      store: false,
      ...(this.#usage === undefined ? {} : { usage: encodeUsage(this.#usage) }),
    };
  }

  #text(delta: string): SseEvent[] {
    const events: SseEvent[] = [];
    if (this.#message === undefined) {
      this.#message = this.#open("message", "", "");
      const { index, id } = this.#message;
      events.push(
        this.#event("response.output_item.added", { output_index: index, item: messageItem(id, "in_progress") }),
      );
      events.push(this.#part("added", ""));
    }
    this.#message.text += delta;
    const { index, id } = this.#message;
    events.push(
      this.#event("response.output_text.delta", { item_id: id, output_index: index, content_index: 0, delta }),
    );
    return events;
  }

  #toolCall({ index: call, id, name, arguments: json }: ModelEvent & { type: "toolCall" }): SseEvent[] {
    const events = this.#closeMessage();
    let item = this.#calls.get(call);
    if (item === undefined) {
      const type = this.#custom.has(name ?? "") ? "custom_tool_call" : "function_call";
      item = this.#open(type, id ?? "", name ?? "");
      this.#calls.set(call, item);
      events.push(
        this.#event("response.output_item.added", { output_index: item.index, item: callItem(item, "in_progress") }),
      );
    }
    item.text += json;
    // The text of a custom tool is known when its JSON is whole.
    if (json !== "" && item.type === "function_call")
      events.push(
        this.#event("response.function_call_arguments.delta", {
          item_id: item.id,
          output_index: item.index,
          delta: json,
        }),
      );
    return events;
  }

  #end(): SseEvent[] {
    if (this.#isOver) return [];
    const events = [...this.#closeMessage(), ...[...this.#calls.values()].flatMap((item) => this.#closeCall(item))];
    this.#isOver = true;
    const { response } = this;
    return [...events, this.#event(`response.${stringAt(response, "status")}`, { response })];
  }

  #closeMessage(): SseEvent[] {
    const message = this.#message;
    if (message === undefined) return [];
    const { index, id, text } = message;
    const events = [
      this.#event("response.output_text.done", { item_id: id, output_index: index, content_index: 0, text }),
      this.#part("done", text),
    ];
    this.#message = undefined;
    return [...events, this.#done(index, messageItem(id, "completed", text))];
  }

  #closeCall(item: OpenItem): SseEvent[] {
    const { index, id } = item;
    const whole = callItem(item, "completed");
    const place = { item_id: id, output_index: index };
    if (item.type === "function_call")
      return [
        this.#event("response.function_call_arguments.done", { ...place, arguments: item.text }),
        this.#done(index, whole),
      ];
    const input = stringAt(whole, "input") ?? "";
    return [
      this.#event("response.custom_tool_call_input.delta", { ...place, delta: input }),
      this.#event("response.custom_tool_call_input.done", { ...place, input }),
      this.#done(index, whole),
    ];
  }

  #done(index: number, item: Json): SseEvent {
    this.#output[index] = item;
    return this.#event("response.output_item.done", { output_index: index, item });
  }

  #part(change: "added" | "done", text: string): SseEvent {
    const { index = 0, id = "" } = this.#message ?? {};
    const part = { type: "output_text", text, annotations: [], logprobs: [] };
    return this.#event(`response.content_part.${change}`, { item_id: id, output_index: index, content_index: 0, part });
  }

  #open(type: OpenItem["type"], callId: string, name: string): OpenItem {
    const index = this.#items++;
    const prefix = type === "message" ? "msg" : "fc";
    return { index, id: `${prefix}_${this.#id}_${index}`, type, callId, name, text: "" };
  }

  #event(type: string, fields: Json): SseEvent {
    return { event: type, data: JSON.stringify({ type, sequence_number: this.#sequence++, ...fields }) };
  }
}

const messageItem = (id: string, status: string, text?: string): Json => ({
  id,
  type: "message",
  role: "assistant",
  status,
  content: text === undefined ? [] : [{ type: "output_text", text, annotations: [], logprobs: [] }],
});

function callItem({ id, type, callId, name, text }: OpenItem, status: string): Json {
  const item = { id, type, call_id: callId, name, status };
  if (type === "function_call") return { ...item, arguments: status === "completed" && text === "" ? "{}" : text };
  return { ...item, input: stringAt(parseObject(text), "input") ?? text };
}

const encodeUsage = ({ input, output, cacheRead }: TokenUsage): Json => ({
  input_tokens: input,
  input_tokens_details: { cached_tokens: cacheRead },
  output_tokens: output,
  output_tokens_details: { reasoning_tokens: 0 },
  total_tokens: input + output,
});
