import type { ChatRequest, DialectName, ModelEvent } from "./chat-request.ts";
import type { Json } from "./json.ts";
import type { SseEvent } from "./sse.ts";

/** What a call adds to the request for one provider. */
export interface ProviderRequestOptions {
  /** The model as the provider names it. */
  readonly model: string;
  /** The provider is never asked for a longer answer. */
  readonly outputTokens: number;
  /** For OpenAI's dialect: the field that bounds the answer. */
  readonly outputCapField: OutputCapField;
}

/** The field that bounds an answer. OpenAI's newer models know only the first, many compatible servers only the second. */
export type OutputCapField = "max_completion_tokens" | "max_tokens";

/** A dialect at the provider's end: the bridge sends requests and reads answers. */
export interface ProviderDialect {
  readonly name: DialectName;
  /** Under the provider's base address. */
  readonly path: string;
  headers(key: string): Record<string, string>;
  /** @throws BridgeError LLM_REQUEST_REFUSED for a request of another dialect that has no counterpart here */
  encodeRequest(request: ChatRequest, options: ProviderRequestOptions): Json;
  /** Reads a whole answer. */
  decodeAnswer(answer: Json): readonly ModelEvent[];
  /** Reads one streamed answer. */
  streamDecoder(): StreamDecoder;
}

export interface StreamDecoder {
  /** @returns undefined for an event that is no part of the answer */
  decode(event: SseEvent): readonly ModelEvent[] | undefined;
}

/** The headers of a caller's request, by their names in lower case. */
export type RequestHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/** A dialect at the caller's end: the bridge reads requests and sends answers. */
export interface EndpointDialect {
  readonly name: DialectName;
  /** @throws BridgeError LLM_REQUEST_REFUSED, with the field that is wrong */
  decodeRequest(body: unknown, headers?: RequestHeaders): ChatRequest;
  encodeAnswer(events: readonly ModelEvent[], request: ChatRequest): Json;
  streamEncoder(request: ChatRequest): StreamEncoder;
  encodeError(error: DialectError): Json;
  /** The stream's last event when the answer ends with an error. */
  errorEvent(error: DialectError): SseEvent;
}

export interface StreamEncoder {
  encode(event: ModelEvent): readonly SseEvent[];
  /** Whether an event of a provider of the same dialect is passed on. */
  passesOn(event: SseEvent, decoded: readonly ModelEvent[]): boolean;
}

export interface DialectError {
  /** Of the HTTP answer. */
  readonly status: number;
  /** The bridge's own code in lower case. */
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
  readonly details: Json | undefined;
}
