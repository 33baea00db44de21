import type { TokenUsage } from "../../../budget/index.ts";
import type { Json } from "./json.ts";

/** What a provider speaks. */
export type ProviderKind = "openai" | "anthropic";
/** What a caller may speak. */
export type EndpointDialectName = ProviderKind | "responses" | "gemini";
/** All requests and answers that the bridge reads. */
export type DialectName = EndpointDialectName | "embeddings";

/** A request that was checked: everything that it asks for has a bounded cost. */
export interface ChatRequest {
  /** As the caller named it. */
  readonly model: string;
  readonly isStream: boolean;
  /** The most tokens that the answer may have, where the request bounds it. */
  readonly outputTokens: number | undefined;
  /** More tokens than the prompt can have, in any tokenizer. */
  readonly promptTokensBound: number;
  /** Fields and features that were left out of `source`, because the bridge does not know what they cost. */
  readonly dropped: readonly string[];
  /** What a provider of the same dialect is sent besides its own headers. */
  readonly headers: Readonly<Record<string, string>>;
  /** The tools that take a text in the caller's dialect; in others they have one argument, `input`. */
  readonly textTools: ReadonlySet<string>;
  /** Whether the caller of a streamed answer reads its usage. */
  readonly wantsUsage: boolean;
  /** The request as it came. A provider of the same dialect is sent this, with the bounds changed. */
  readonly source: { readonly dialect: DialectName; readonly body: Json };
  /**
   * The request in no dialect, for a provider of another one.
   * @throws BridgeError LLM_REQUEST_REFUSED for what has no counterpart in other dialects
   */
  conversation(): Conversation;
}

/** What a model is asked, without the field names of any dialect. */
export interface Conversation {
  readonly system: string;
  readonly turns: readonly Turn[];
  readonly tools: readonly Tool[];
  readonly toolChoice: ToolChoice | undefined;
  /** False when the model may call one tool at a time. */
  readonly parallelToolCalls: boolean;
  readonly temperature: number | undefined;
  readonly topP: number | undefined;
  readonly stop: readonly string[];
  /** The JSON schema of the answer, where it shall have one. */
  readonly outputSchema: Json | undefined;
}

export type Turn =
  | { readonly role: "user"; readonly parts: readonly UserPart[] }
  | { readonly role: "assistant"; readonly parts: readonly AssistantPart[] };

export interface TextPart {
  readonly type: "text";
  readonly text: string;
}
export interface ImagePart {
  readonly type: "image";
  readonly mediaType: string;
  readonly base64: string;
}
export interface ToolResultPart {
  readonly type: "toolResult";
  readonly callId: string;
  readonly isError: boolean;
  readonly parts: readonly (TextPart | ImagePart)[];
}
export interface ToolCallPart {
  readonly type: "toolCall";
  readonly id: string;
  readonly name: string;
  readonly input: Json;
}
export type UserPart = TextPart | ImagePart | ToolResultPart;
export type AssistantPart = TextPart | ToolCallPart;

export interface Tool {
  readonly name: string;
  readonly description: string | undefined;
  /** A JSON schema. */
  readonly parameters: Json;
}
export type ToolChoice = "auto" | "none" | "required" | { readonly name: string };

/** A part of an answer, as it comes. Figures of `usage` are the totals so far. */
export type ModelEvent =
  | { readonly type: "start"; readonly id: string; readonly model: string }
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "reasoning"; readonly text: string }
  /** A piece of the tool call with this index. Its first piece has the id and the name. */
  | {
      readonly type: "toolCall";
      readonly index: number;
      readonly id: string | undefined;
      readonly name: string | undefined;
      readonly arguments: string;
    }
  | { readonly type: "usage"; readonly usage: TokenUsage }
  | { readonly type: "finish"; readonly reason: FinishReason }
  /** The provider's own end mark: nothing follows. */
  | { readonly type: "end" }
  /** The provider reports an error in place of the rest of the answer. */
  | { readonly type: "failure"; readonly message: string; readonly status: number | undefined };

/** `stop`, `length`, `tool_calls` or `content_filter`; a provider's own word when it has another reason. */
export type FinishReason = string;
