import type { TokenUsage } from "../../budget/index.ts";
import type { Ask } from "./ask.ts";
import type { Json } from "./json.ts";
import type { SseEvent } from "./sse.ts";

/** One call's way between the caller's dialect and the provider's. */
export interface Wire {
  /** Under the provider's base address. */
  readonly path: string;
  headers(key: string): Record<string, string>;
  /** What the provider is sent. It never has more than `outputTokens` of room for its answer. */
  body(ask: Ask, model: string, outputTokens: number): Json;
  /** Usage of a complete answer. */
  usage(reply: Json): TokenUsage | undefined;
  /** A complete answer in the caller's dialect. */
  reply(reply: Json): Json;
  /** Reads one streamed answer. */
  reader(ask: Ask): StreamReader;
}

export interface StreamReader {
  /** Takes one event of the provider and gives what the caller is sent for it. */
  accept(event: SseEvent): readonly SseEvent[];
  /** What the provider has reported so far; whole once `isDone`. */
  readonly usage: TokenUsage | undefined;
  readonly isDone: boolean;
  /** Pieces of output so far: the answer has at least as many tokens. */
  readonly pieces: number;
  readonly outputBytes: number;
  /** The provider's own words when it ended the stream with an error. */
  readonly failure: string | undefined;
}
