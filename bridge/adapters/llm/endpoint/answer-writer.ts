import type { ServerResponse } from "node:http";
import type { AnswerSink } from "../broker/answer-reader.ts";
import type { ChatRequest, DialectName, ModelEvent } from "../codecs/chat-request.ts";
import type { EndpointDialect, StreamEncoder } from "../codecs/dialect.ts";
import { encodeSse, type SseEvent } from "../codecs/sse.ts";

/** Writes an answer to an HTTP response in the caller's dialect. Events of a provider of the same dialect pass unchanged. */
export class EndpointSink implements AnswerSink {
  readonly dialect: DialectName;
  readonly #response: ServerResponse;
  readonly #codec: EndpointDialect;
  readonly #encoder: StreamEncoder;
  readonly #request: ChatRequest;
  #outputTokens: number | undefined;
  #unwritten = "";
  /** The body of an answer that is not streamed. */
  whole: string | undefined;

  constructor(response: ServerResponse, codec: EndpointDialect, request: ChatRequest) {
    this.dialect = codec.name;
    this.#response = response;
    this.#codec = codec;
    this.#request = request;
    this.#encoder = codec.streamEncoder(request);
  }

  begin(outputTokens: number): void {
    this.#outputTokens = outputTokens;
  }

  /** What the bridge changed of the request. */
  get changes(): Record<string, string> {
    return changesOf(this.#request, this.#outputTokens);
  }

  take(events: readonly ModelEvent[], source: SseEvent | undefined): void {
    if (source !== undefined) {
      if (this.#encoder.passesOn(source, events)) this.#unwritten += encodeSse(source);
      return;
    }
    for (const event of events)
      for (const encoded of this.#encoder.encode(event)) this.#unwritten += encodeSse(encoded);
  }

  takeWhole(events: readonly ModelEvent[], source: string | undefined): void {
    this.whole = source ?? JSON.stringify(this.#codec.encodeAnswer(events, this.#request));
  }

  end(): void {
    this.#response.end();
  }

  /** Waits for a slow reader, so that the provider's answer does not pile up in memory. */
  flush(): Promise<void> | undefined {
    if (this.#unwritten === "") return undefined;
    const response = this.#response;
    if (!response.headersSent)
      response.writeHead(200, {
        "content-type": "text/event-stream",
        "cache-control": "no-store",
        ...this.changes,
      });
    const text = this.#unwritten;
    this.#unwritten = "";
    if (response.write(text) || response.closed) return undefined;
    return new Promise((resolve) => {
      const done = () => {
        response.off("drain", done);
        response.off("close", done);
        resolve();
      };
      response.on("drain", done);
      response.on("close", done);
    });
  }
}

/** The headers that tell the caller what the bridge changed of the request. */
export function changesOf(
  { dropped, outputTokens: asked }: ChatRequest,
  bound: number | undefined,
): Record<string, string> {
  const isClamped = asked !== undefined && bound !== undefined && asked > bound;
  return {
    ...(dropped.length === 0 ? {} : { "x-armorclaw-dropped": dropped.map(headerText).join(",") }),
    ...(isClamped ? { "x-armorclaw-clamped": `max_tokens=${bound}` } : {}),
  };
}

const headerText = (name: string): string => name.replace(/[^\x21-\x2b\x2d-\x7e]/g, "?");
