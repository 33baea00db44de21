import { BridgeError } from "@armorclaw/protocol/errors";
import { arrayAt, isObject, type Json, objectAt, stringAt } from "./json.ts";

/** What a provider puts around each message, in tokens: role and separators. */
const tokensPerMessage = 16;
/** What a provider tells the model about tools, besides their descriptions. */
const tokensForTools = 2_048;
/** The most expensive image: high detail, on a model that multiplies what images count. Its bytes count for nothing. */
const tokensPerImage = 60_000;
const messagesMax = 10_000;

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

export const refused = (field: string, message: string) => new BridgeError("LLM_REQUEST_REFUSED", message, { field });

/** What every dialect's request has: known fields, a model, messages, and content whose cost is bounded. */
export interface CheckedBody {
  readonly body: Json;
  readonly model: string;
  readonly outputTokens: number | undefined;
  readonly promptTokensBound: number;
}

/**
 * @param knownFields what is passed on; any other field could cost money that the reservation does not cover, or make the provider keep the conversation
 * @throws BridgeError LLM_REQUEST_REFUSED
 */
export function checkBody(body: unknown, knownFields: ReadonlySet<string>): CheckedBody {
  if (!isObject(body)) throw refused("body", "The body is not a JSON object");
  for (const field of Object.keys(body)) {
    if (!knownFields.has(field)) throw refused(field, `The bridge does not pass on the field ${field}`);
  }
  const model = stringAt(body, "model");
  if (model === undefined || model === "") throw refused("model", "The request names no model");
  const messages = arrayAt(body, "messages");
  if (messages.length === 0) throw refused("messages", "The request holds no messages");
  if (messages.length > messagesMax) throw refused("messages", `The request holds more than ${messagesMax} messages`);
  if (body["n"] !== undefined && body["n"] !== null && body["n"] !== 1)
    throw refused("n", "The bridge asks a provider for one answer to each request");
  for (const tool of arrayAt(body, "tools")) checkTool(tool);
  const images: Images = { count: 0, dataBytes: 0 };
  for (const message of messages) checkBlocks(isObject(message) ? message["content"] : undefined, images);
  checkBlocks(body["system"], images);
  return { body, model, outputTokens: outputTokens(body), promptTokensBound: promptBound(body, messages, images) };
}

interface Images {
  count: number;
  dataBytes: number;
}

/** A token is made of at least one byte, so that there are never more tokens than bytes of text. */
function promptBound(body: Json, messages: readonly unknown[], images: Images): number {
  const { system, tools, response_format: format } = body;
  return (
    Buffer.byteLength(JSON.stringify([messages, system, tools, format])) -
    images.dataBytes +
    messages.length * tokensPerMessage +
    images.count * tokensPerImage +
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

function checkBlocks(content: unknown, images: Images): void {
  if (!Array.isArray(content)) return;
  for (const block of content as readonly unknown[]) {
    const type = stringAt(block, "type") ?? "text";
    if (!knownBlocks.has(type)) throw refused("messages", `Content of the type ${type} has no bounded cost`);
    const data = type === "image_url" || type === "image" ? imageDataOf(block) : undefined;
    if (data !== undefined) {
      images.count += 1;
      images.dataBytes += base64Length(data);
    }
    if (isObject(block)) checkBlocks(block["content"], images);
  }
}

/** The base64 of an image, with what stands before it. */
function imageDataOf(block: unknown): string {
  const url = stringAt(objectAt(block, "image_url"), "url");
  const source = objectAt(block, "source");
  const data = url?.startsWith("data:") === true ? url : stringAt(source, "data");
  const isInline = url === undefined ? stringAt(source, "type") === "base64" : url.startsWith("data:");
  if (!isInline || data === undefined)
    throw refused("messages", "An image must be sent as base64 data: the provider fetches no address for an agent");
  return data;
}

const dataUrlHead = /^data:[^,]*;base64,/;
const base64 = /[A-Za-z0-9+/=]*$/y;

/** How much of the text is base64; none of it when anything else stands in between, which might be text for the model. */
function base64Length(data: string): number {
  const head = dataUrlHead.exec(data.slice(0, 200))?.[0] ?? "";
  if (head === "" && data.startsWith("data:")) return 0;
  base64.lastIndex = head.length;
  return base64.test(data) ? data.length - head.length : 0;
}
