import type { TokenUsage } from "../../budget/index.ts";
import { arrayAt, isObject, type Json, objectAt, parseObject, stringAt } from "./json.ts";
import type { SseEvent } from "./sse.ts";
import { openaiUsage } from "./usage.ts";
import type { StreamReader, Wire } from "./wire.ts";

/** The field that bounds the answer. Newer models of OpenAI know only the first, many compatible servers only the second. */
export type OutputCapField = "max_completion_tokens" | "max_tokens";

/** A caller who speaks OpenAI's dialect to a provider who does, too: passed on as it is, but for the bounds. */
export const openaiWire = (capField: OutputCapField): Wire => ({
  path: "/chat/completions",
  headers: (key) => (key === "" ? {} : { authorization: `Bearer ${key}` }),
  body(ask, model, outputTokens) {
    const {
      max_tokens: _,
      max_completion_tokens: __,
      stream_options: ___,
      user: ____,
      ...rest
    } = ask.body as Record<string, unknown>;
    const streaming = ask.isStream ? { stream_options: { include_usage: true } } : {};
    return { ...rest, model, [capField]: outputTokens, ...streaming };
  },
  usage: openaiUsage,
  reply: (reply) => reply,
  reader: (ask) => new OpenaiReader(objectAt(ask.body, "stream_options")?.["include_usage"] === true),
});

class OpenaiReader implements StreamReader {
  readonly #wantsUsage: boolean;
  usage: TokenUsage | undefined;
  isDone = false;
  pieces = 0;
  outputBytes = 0;
  failure: string | undefined;

  constructor(wantsUsage: boolean) {
    this.#wantsUsage = wantsUsage;
  }

  accept(event: SseEvent): readonly SseEvent[] {
    if (event.data === "[DONE]") {
      this.isDone = true;
      return [event];
    }
    const chunk = parseObject(event.data);
    if (chunk === undefined) return [];
    this.failure ??= stringAt(objectAt(chunk, "error"), "message");
    this.usage = openaiUsage(chunk) ?? this.usage;
    const choices = arrayAt(chunk, "choices");
    for (const choice of choices) this.#count(objectAt(choice, "delta"));
    if (this.failure !== undefined) return [];
    // The chunk that tells the usage holds no choice, and a caller who did not ask for it does not expect that.
    if (choices.length === 0 && !this.#wantsUsage) return [];
    return [event];
  }

  #count(delta: Json | undefined): void {
    const said = [delta?.["content"], delta?.["reasoning_content"], delta?.["refusal"]].filter(
      (text) => typeof text === "string",
    );
    const called = arrayAt(delta, "tool_calls").flatMap((call) =>
      isObject(call) ? [stringAt(objectAt(call, "function"), "arguments") ?? ""] : [],
    );
    const bytes = [...said, ...called].reduce((sum, text) => sum + Buffer.byteLength(text), 0);
    if (bytes > 0) this.pieces += 1;
    this.outputBytes += bytes;
  }
}
