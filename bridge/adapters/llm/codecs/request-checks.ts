import { BridgeError } from "@armorclaw/protocol/errors";
import { arrayAt, isObject, type Json, objectAt, stringAt } from "./json.ts";

/** What a provider puts around each message, in tokens: role and separators. */
const tokensPerMessage = 16;
/** What a provider tells the model about tools, besides their descriptions. */
const tokensForTools = 2_048;
/** The most expensive image: high detail, on a model that multiplies what images count. Its bytes count for nothing. */
const tokensPerImage = 60_000;
const messagesMax = 10_000;

const fields = (names: string): ReadonlySet<string> => new Set(names.split(" "));

/** The blocks of content whose cost is bounded, with all that each may hold: what is not listed could be billed apart from tokens. */
const blockFields: Readonly<Record<string, ReadonlySet<string>>> = {
  text: fields("type text cache_control citations"),
  image_url: fields("type image_url"),
  image: fields("type source cache_control"),
  tool_use: fields("type id name input cache_control"),
  tool_result: fields("type tool_use_id content is_error cache_control"),
  thinking: fields("type thinking signature"),
  redacted_thinking: fields("type data"),
  refusal: fields("type refusal"),
};
/** SDKs send the provider's own messages back, with what those hold besides. */
const messageFields = fields(
  "role content name tool_calls tool_call_id function_call refusal annotations reasoning_content reasoning reasoning_details",
);
const toolFields = fields("type function custom name description input_schema cache_control strict");
const stopsMax = 16;

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
  checkShapes(body);
  for (const tool of arrayAt(body, "tools")) checkTool(tool);
  const images: Images = { count: 0, dataBytes: 0 };
  for (const message of messages) {
    if (!isObject(message)) throw refused("messages", "A message is not a JSON object");
    checkFields("messages", "A message", message, messageFields);
    checkContent("messages", message["content"], images);
  }
  checkContent("system", body["system"], images);
  return { body, model, outputTokens: outputTokens(body), promptTokensBound: promptBound(body, messages, images) };
}

interface Images {
  count: number;
  dataBytes: number;
}

/** A token is made of at least one byte, so that there are never more tokens than bytes of text. */
function promptBound(body: Json, messages: readonly unknown[], images: Images): number {
  const { system, tools, response_format: format } = body;
  // A provider may put these into the prompt, too.
  const others = ["tool_choice", "stop", "stop_sequences", "logit_bias"].map((field) => body[field]);
  return (
    Buffer.byteLength(JSON.stringify([messages, system, tools, format])) +
    Buffer.byteLength(JSON.stringify(others.filter(isGiven))) -
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

const isGiven = (value: unknown): boolean => value !== undefined && value !== null;

/** The fields outside the messages that hold lists or objects. A provider is asked for nothing that the bridge cannot read. */
function checkShapes(body: Json): void {
  if (isGiven(body["tools"]) && !Array.isArray(body["tools"])) throw refused("tools", "tools is not a list");
  for (const field of ["stop", "stop_sequences"]) {
    const given = body[field];
    const texts: readonly unknown[] = Array.isArray(given) ? given : [given];
    if (!isGiven(given)) continue;
    if (texts.length > stopsMax || texts.some((text) => typeof text !== "string"))
      throw refused(field, `${field} is not a text or a list of at most ${stopsMax} texts`);
  }
  const choice = body["tool_choice"];
  if (isGiven(choice) && typeof choice !== "string" && !isObject(choice))
    throw refused("tool_choice", "tool_choice is neither a text nor a JSON object");
  for (const field of ["response_format", "stream_options", "logit_bias", "thinking", "metadata"])
    if (isGiven(body[field]) && !isObject(body[field])) throw refused(field, `${field} is not a JSON object`);
}

function checkFields(field: string, what: string, object: Json, known: ReadonlySet<string>): void {
  const other = Object.keys(object).find((key) => !known.has(key) && isGiven(object[key]));
  if (other !== undefined) throw refused(field, `${what} holds ${other.slice(0, 100)}, whose cost is not bounded`);
}

/** A provider's own tools, such as a web search, are billed apart from tokens. */
function checkTool(tool: unknown): void {
  if (!isObject(tool)) throw refused("tools", "A tool is not a JSON object");
  const type = stringAt(tool, "type") ?? "custom";
  if (type !== "function" && type !== "custom")
    throw refused("tools", `The provider's own tool ${type} has no bounded cost`);
  checkFields("tools", "A tool", tool, toolFields);
}

/** @param isInResult the content of a tool result, which holds no other tool result */
function checkContent(field: string, content: unknown, images: Images, isInResult = false): void {
  if (!isGiven(content) || typeof content === "string") return;
  if (!Array.isArray(content)) throw refused(field, "Content is neither a text nor a list of blocks");
  for (const block of content as readonly unknown[]) {
    if (!isObject(block)) throw refused(field, "A block of content is not a JSON object");
    const type = block["type"] ?? "text";
    const known = typeof type === "string" && Object.hasOwn(blockFields, type) ? blockFields[type] : undefined;
    if (known === undefined) throw refused(field, `Content of the type ${String(type)} has no bounded cost`);
    if (isInResult && type === "tool_result") throw refused(field, "A tool result holds another one");
    checkFields(field, `A block of the type ${String(type)}`, block, known);
    const data = type === "image_url" || type === "image" ? imageDataOf(block) : undefined;
    if (data !== undefined) {
      images.count += 1;
      images.dataBytes += base64Length(data);
    }
    if (type === "tool_result") checkContent(field, block["content"], images, true);
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
