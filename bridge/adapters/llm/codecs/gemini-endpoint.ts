import type { TokenUsage } from "../../../budget/index.ts";
import type { FinishReason, ModelEvent } from "./chat-request.ts";
import type { DialectError, EndpointDialect, StreamEncoder } from "./dialect.ts";
import { decodeGeminiRequest } from "./gemini-request.ts";
import { type Json, parseObject } from "./json.ts";
import type { SseEvent } from "./sse.ts";

/** Gemini's `generateContent`, as callers use it. Every provider is asked in its own dialect. */
export const geminiEndpoint: EndpointDialect = {
  name: "gemini",
  decodeRequest: decodeGeminiRequest,
  encodeAnswer,
  streamEncoder: () => new GeminiStreamEncoder(),
  encodeError,
  errorEvent: (error) => ({ data: JSON.stringify(encodeError(error)) }),
};

const finishReasons: Readonly<Record<FinishReason, string>> = {
  stop: "STOP",
  tool_calls: "STOP",
  length: "MAX_TOKENS",
  content_filter: "SAFETY",
};
const finishOf = (reason: FinishReason): string => finishReasons[reason] ?? "OTHER";

const encodeUsage = ({ input, output, cacheRead }: TokenUsage): Json => ({
  promptTokenCount: input,
  candidatesTokenCount: output,
  totalTokenCount: input + output,
  ...(cacheRead === 0 ? {} : { cachedContentTokenCount: cacheRead }),
});

function encodeAnswer(events: readonly ModelEvent[]): Json {
  const encoder = new GeminiStreamEncoder();
  const text = events.map((event) => (event.type === "text" ? event.text : "")).join("");
  for (const event of events) if (event.type !== "text") encoder.encode(event);
  return encoder.chunk([...(text === "" ? [] : [{ text }]), ...encoder.callParts], true);
}

/** Writes Gemini's chunks. A function call is sent when it is whole, because its arguments are no text there. */
class GeminiStreamEncoder implements StreamEncoder {
  readonly #calls = new Map<number, { id: string; name: string; json: string }>();
  #id = "";
  #model = "";
  #finish: FinishReason = "stop";
  #usage: TokenUsage | undefined;
  #isOver = false;

  encode(event: ModelEvent): readonly SseEvent[] {
    switch (event.type) {
      case "start":
        this.#id = event.id;
        this.#model = event.model;
        return [];
      case "text":
        return [{ data: JSON.stringify(this.chunk([{ text: event.text }], false)) }];
      case "toolCall": {
        const call = this.#calls.get(event.index) ?? { id: event.id ?? "", name: event.name ?? "", json: "" };
        this.#calls.set(event.index, { ...call, json: call.json + event.arguments });
        return [];
      }
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

  get callParts(): Json[] {
    return [...this.#calls.values()].map(({ id, name, json }) => ({
      functionCall: { ...(id === "" ? {} : { id }), name, args: parseObject(json) ?? {} },
    }));
  }

  chunk(parts: readonly Json[], isLast: boolean): Json {
    return {
      candidates: [
        {
          content: { role: "model", parts },
          index: 0,
          ...(isLast ? { finishReason: finishOf(this.#finish) } : {}),
        },
      ],
      ...(isLast && this.#usage !== undefined ? { usageMetadata: encodeUsage(this.#usage) } : {}),
      modelVersion: this.#model,
      responseId: this.#id,
    };
  }

  #end(): SseEvent[] {
    if (this.#isOver) return [];
    this.#isOver = true;
    return [{ data: JSON.stringify(this.chunk(this.callParts, true)) }];
  }
}

/** Google's names of the errors. */
const errorStatuses: Readonly<Record<number, string>> = {
  400: "INVALID_ARGUMENT",
  401: "UNAUTHENTICATED",
  404: "NOT_FOUND",
  413: "INVALID_ARGUMENT",
  429: "RESOURCE_EXHAUSTED",
  503: "UNAVAILABLE",
  504: "DEADLINE_EXCEEDED",
};

function encodeError({ status, code, message, remedy, details }: DialectError): Json {
  const reason = { "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: code, metadata: { remedy } };
  return {
    error: {
      code: status,
      message,
      status: errorStatuses[status] ?? "INTERNAL",
      details: [reason, ...(details === undefined ? [] : [{ ...details }])],
    },
  };
}
