import type { TokenUsage } from "../../budget/index.ts";
import { type Json, objectAt, parseObject, stringAt } from "./json.ts";
import type { SseEvent } from "./sse.ts";
import { anthropicUsage } from "./usage.ts";
import type { StreamReader, Wire } from "./wire.ts";

const version = "2023-06-01";

export const anthropicHeaders = (key: string): Record<string, string> => ({
  "x-api-key": key,
  "anthropic-version": version,
});

/** A caller who speaks Anthropic's dialect to a provider who does, too. */
export const anthropicWire: Wire = {
  path: "/v1/messages",
  headers: anthropicHeaders,
  body(ask, model, outputTokens) {
    const { metadata: _, ...rest } = ask.body as Record<string, unknown>;
    return { ...rest, model, max_tokens: outputTokens };
  },
  usage: anthropicUsage,
  reply: (reply) => reply,
  reader: () => new AnthropicReader(),
};

/** Reads Anthropic's events; the caller is sent what `translate` makes of each. */
export class AnthropicReader implements StreamReader {
  #usage: Record<string, unknown> = {};
  isDone = false;
  pieces = 0;
  outputBytes = 0;
  failure: string | undefined;
  readonly #translate: (event: Json, source: SseEvent) => readonly SseEvent[];

  constructor(translate: (event: Json, source: SseEvent) => readonly SseEvent[] = (_, source) => [source]) {
    this.#translate = translate;
  }

  get usage(): TokenUsage | undefined {
    return anthropicUsage({ usage: this.#usage });
  }

  accept(source: SseEvent): readonly SseEvent[] {
    const event = parseObject(source.data);
    if (event === undefined) return [];
    // The figures of `message_delta` are the totals so far; those that it leaves out stand as `message_start` told them.
    Object.assign(this.#usage, objectAt(event, "message", "usage"), objectAt(event, "usage"));
    const type = stringAt(event, "type");
    if (type === "message_stop") this.isDone = true;
    if (type === "error")
      this.failure = stringAt(objectAt(event, "error"), "message") ?? "The provider reported an error";
    if (type === "content_block_delta") this.#count(objectAt(event, "delta"));
    return this.failure === undefined ? this.#translate(event, source) : [];
  }

  #count(delta: Json | undefined): void {
    const said = ["text", "partial_json", "thinking"].map((field) => stringAt(delta, field) ?? "").join("");
    if (said !== "") this.pieces += 1;
    this.outputBytes += Buffer.byteLength(said);
  }
}
