import { BridgeError } from "@armorclaw/protocol/errors";
import { arrayAt, isObject, type Json, objectAt, stringAt } from "./json.ts";

export type Dialect = "openai" | "anthropic";

/** A request that has been read and found to ask for nothing that cannot be bounded. */
export interface Ask {
  readonly dialect: Dialect;
  readonly body: Json;
  /** As the caller named it. */
  readonly model: string;
  readonly isStream: boolean;
  /** The most tokens that the answer may have, where the caller said. */
  readonly outputTokens: number | undefined;
  /** More tokens than the prompt can have, in any tokenizer. */
  readonly promptTokensBound: number;
}

/** What is passed on. Whatever is not here could cost money that the reservation does not cover, or keep what was said. */
const knownFields: Readonly<Record<Dialect, readonly string[]>> = {
  openai: [
    "model",
    "messages",
    "stream",
    "stream_options",
    "max_tokens",
    "max_completion_tokens",
    "temperature",
    "top_p",
    "stop",
    "n",

    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "response_format",
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "logprobs",
    "top_logprobs",
    "logit_bias",
    "reasoning_effort",
    "verbosity",
    "user",
  ],
  anthropic: [
    "model",
    "messages",
    "system",
    "max_tokens",
    "stream",
    "temperature",
    "top_p",
    "top_k",
    "stop_sequences",
    "tools",
    "tool_choice",
    "thinking",
    "metadata",
  ],
};

const knownBlocks: ReadonlySet<string> = new Set([
  "text",
  "image_url",
  "image",
  "tool_use",
  "tool_result",
  "thinking",
  "redacted_thinking",
  "refusal",
]);

/** What a provider puts around each message, in tokens: role and separators. */
const tokensPerMessage = 16;
/** What a provider says to the model about tools, besides their descriptions. */
const tokensForTools = 2_048;
/** The dearest image: high detail, on a model that multiplies what images count. */
const tokensPerImage = 60_000;
const messagesMax = 10_000;

/** @throws BridgeError LLM_REQUEST_REFUSED, with the field that is wrong */
export function readAsk(dialect: Dialect, body: unknown): Ask {
  if (!isObject(body)) throw refused("body", "The body is not a JSON object");
  for (const field of Object.keys(body)) {
    if (!knownFields[dialect].includes(field)) throw refused(field, `The bridge does not pass on the field ${field}`);
  }
  const model = stringAt(body, "model");
  if (model === undefined || model === "") throw refused("model", "The request names no model");
  const messages = arrayAt(body, "messages");
  if (messages.length === 0) throw refused("messages", "The request holds no messages");
  if (messages.length > messagesMax) throw refused("messages", `The request holds more than ${messagesMax} messages`);
  if (body["n"] !== undefined && body["n"] !== null && body["n"] !== 1)
    throw refused("n", "One answer for each request is what the bridge asks for");
  for (const tool of arrayAt(body, "tools")) checkTool(tool);
  const images = messages.reduce<number>(
    (sum, message) => sum + checkBlocks(isObject(message) ? message["content"] : undefined),
    0,
  );
  checkBlocks(body["system"]);
  return {
    dialect,
    body,
    model,
    isStream: body["stream"] === true,
    outputTokens: outputTokens(body),
    promptTokensBound: promptBound(body, messages.length, images),
  };
}

/** A byte is at least what a token is made of, so that there are never more tokens than bytes. */
function promptBound(body: Json, messages: number, images: number): number {
  const { messages: said, system, tools, response_format: format } = body as Record<string, unknown>;
  const bytes = Buffer.byteLength(JSON.stringify([said, system, tools, format]));
  return (
    bytes +
    messages * tokensPerMessage +
    images * tokensPerImage +
    (arrayAt(body, "tools").length > 0 ? tokensForTools : 0)
  );
}

function outputTokens(body: Json): number | undefined {
  const given = ["max_completion_tokens", "max_tokens"].flatMap((field) => {
    const value = body[field];
    if (value === undefined || value === null) return [];
    if (!Number.isSafeInteger(value) || Number(value) < 1)
      throw refused(field, `${field} is not a whole number above 0`);
    return [Number(value)];
  });
  return given.length === 0 ? undefined : Math.min(...given);
}

/** A provider's own tools, such as a web search, are billed apart from tokens. */
function checkTool(tool: unknown): void {
  const type = stringAt(tool, "type") ?? "custom";
  if (type !== "function" && type !== "custom")
    throw refused("tools", `The provider's own tool ${type} has no bounded cost`);
}

/** @returns how many images there are */
function checkBlocks(content: unknown): number {
  if (!Array.isArray(content)) return 0;
  return content.reduce<number>((images, block: unknown) => {
    const type = stringAt(block, "type") ?? "text";
    if (!knownBlocks.has(type)) throw refused("messages", `Content of the type ${type} has no bounded cost`);
    if (type === "image_url" && stringAt(objectAt(block, "image_url"), "url")?.startsWith("data:") !== true)
      throw remote();
    if (type === "image" && stringAt(objectAt(block, "source"), "type") !== "base64") throw remote();
    const own = type === "image_url" || type === "image" ? 1 : 0;
    return images + own + (isObject(block) ? checkBlocks(block["content"]) : 0);
  }, 0);
}

const remote = () => refused("messages", "An image is sent as data: the provider fetches no address for an agent");

export const refused = (field: string, message: string) => new BridgeError("LLM_REQUEST_REFUSED", message, { field });
