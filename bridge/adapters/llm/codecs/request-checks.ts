import { BridgeError } from "@armorclaw/protocol/errors";
import { arrayAt, isObject, type Json, objectAt, stringAt } from "./json.ts";

/** What a provider puts around each message, in tokens: role and separators. */
const tokensPerMessage = 16;
/** The tokens that a provider adds for tools, besides their descriptions. */
const tokensForTools = 2_048;
/** The most expensive image: high detail, on a model that multiplies what images count. Its bytes count for nothing. */
const tokensPerImage = 60_000;
const messagesMax = 10_000;

const fields = (names: string): ReadonlySet<string> => new Set(names.split(/\s+/));

/** The blocks of content whose cost is bounded, with the fields that are passed on. */
const blockFields: Readonly<Record<string, ReadonlySet<string>>> = {
  text: fields("type text cache_control citations"),
  image_url: fields("type image_url"),
  image: fields("type source cache_control"),
  document: fields("type source title context citations cache_control"),
  search_result: fields("type source title content citations cache_control"),
  tool_reference: fields("type tool_name cache_control"),
  tool_use: fields("type id name input cache_control caller"),
  tool_result: fields("type tool_use_id content is_error cache_control"),
  thinking: fields("type thinking signature"),
  redacted_thinking: fields("type data"),
  refusal: fields("type refusal"),
};
/** SDKs send the provider's own messages back, with what those hold besides. */
const messageFields = fields(
  "role content name tool_calls tool_call_id function_call refusal annotations reasoning_content reasoning reasoning_details",
);
const toolFields = fields(
  `type function custom name description input_schema parameters cache_control strict defer_loading input_examples
   eager_input_streaming max_characters display_width_px display_height_px display_number enable_zoom`,
);
/** Tools of Anthropic's that run where the caller is. The provider adds their descriptions to the prompt. */
const callerTools = /^(?:bash|text_editor|memory|computer)_\d{8}$/;
/** More than the description of any of them has. */
const tokensPerCallerTool = 1_024;
/** The largest context window. A PDF has text that is compressed and pages that count as images, but a longer prompt is refused by the provider. */
const tokensPerPdf = 1_000_000;
const stopsMax = 16;

export const refused = (field: string, message: string) => new BridgeError("LLM_REQUEST_REFUSED", message, { field });

/** What becomes of the fields of a dialect's request. A field that neither list names is left out, and the answer's header names it. */
export interface FieldRules {
  /** Passed on: their cost is bounded. */
  readonly passed: ReadonlySet<string>;
  /** Refused, with the reason: they cost more than the reservation covers, or the answer would be a wrong one without them. */
  readonly refused: Readonly<Record<string, string>>;
}

/** What every dialect's request has: a model, messages, and content whose cost is bounded. */
export interface CheckedBody {
  /** Only what is passed on. */
  readonly body: Json;
  readonly model: string;
  readonly outputTokens: number | undefined;
  readonly promptTokensBound: number;
  /** The names of the fields that were left out. */
  readonly dropped: readonly string[];
}

/** @throws BridgeError LLM_REQUEST_REFUSED */
export function checkBody(given: unknown, rules: FieldRules): CheckedBody {
  if (!isObject(given)) throw refused("body", "The body is not a JSON object");
  for (const [field, reason] of Object.entries(rules.refused))
    if (isGiven(given[field])) throw refused(field, `The bridge does not pass on ${field}: ${reason}`);
  const kept = new KeptFields();
  const body = kept.of(given, rules.passed);
  const model = stringAt(body, "model");
  if (model === undefined || model === "") throw refused("model", "The request names no model");
  const messages = arrayAt(body, "messages");
  if (messages.length === 0) throw refused("messages", "The request holds no messages");
  if (messages.length > messagesMax) throw refused("messages", `The request holds more than ${messagesMax} messages`);
  if (isGiven(body["n"]) && body["n"] !== 1)
    throw refused("n", "The bridge asks a provider for one answer to each request");
  checkShapes(body);
  const costs: ContentCosts = { images: 0, uncountedBytes: 0, tokens: 0 };
  const checked = {
    ...body,
    messages: messages.map((message) => checkMessage(message, kept, costs)),
    ...(isGiven(body["system"]) ? { system: checkContent("system", body["system"], kept, costs) } : {}),
    ...(isGiven(body["tools"]) ? { tools: arrayAt(body, "tools").map((tool) => checkTool(tool, kept, costs)) } : {}),
  };
  return {
    body: checked,
    model,
    outputTokens: outputTokens(body),
    promptTokensBound: promptBound(checked, messages.length, costs),
    dropped: [...kept.dropped],
  };
}

/** Leaves out what is not known, and keeps the names of what was left out. */
class KeptFields {
  readonly dropped = new Set<string>();

  of(object: Json, known: ReadonlySet<string>): Json {
    const others = Object.keys(object).filter((key) => !known.has(key));
    if (others.length === 0) return object;
    for (const key of others)
      if (isGiven(object[key]) && this.dropped.size < droppedMax) this.dropped.add(key.slice(0, 100));
    return Object.fromEntries(Object.entries(object).filter(([key]) => known.has(key)));
  }
}

/** As many names fit into a header. */
const droppedMax = 20;

/** What content costs besides its bytes. */
interface ContentCosts {
  images: number;
  /** Bytes of images and PDFs, which count as `images` and `tokens`. */
  uncountedBytes: number;
  tokens: number;
}

/** A token is made of at least one byte, so that there are never more tokens than bytes of text. */
function promptBound(body: Json, messages: number, { images, uncountedBytes, tokens }: ContentCosts): number {
  return (
    Buffer.byteLength(JSON.stringify(body)) -
    uncountedBytes +
    messages * tokensPerMessage +
    images * tokensPerImage +
    tokens +
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

function checkMessage(message: unknown, kept: KeptFields, costs: ContentCosts): Json {
  if (!isObject(message)) throw refused("messages", "A message is not a JSON object");
  if (isGiven(message["audio"])) throw refused("messages", "A message holds audio, whose cost is not bounded");
  const known = kept.of(message, messageFields);
  return "content" in known ? { ...known, content: checkContent("messages", known["content"], kept, costs) } : known;
}

/** A provider's own tools, such as a web search, are billed apart from tokens. */
function checkTool(tool: unknown, kept: KeptFields, costs: ContentCosts): Json {
  if (!isObject(tool)) throw refused("tools", "A tool is not a JSON object");
  const type = stringAt(tool, "type") ?? "custom";
  if (callerTools.test(type)) costs.tokens += tokensPerCallerTool;
  else if (type !== "function" && type !== "custom")
    throw refused("tools", `The provider's own tool ${type.slice(0, 100)} has no bounded cost`);
  if (isGiven(tool["allowed_callers"]) && JSON.stringify(tool["allowed_callers"]) !== '["direct"]')
    throw refused("tools", "A tool is called by the provider's own code execution, which has no bounded cost");
  return kept.of(tool, toolFields);
}

/** @param isInResult the content of a tool result, which holds no other tool result */
function checkContent(
  field: string,
  content: unknown,
  kept: KeptFields,
  costs: ContentCosts,
  isInResult = false,
): unknown {
  if (!isGiven(content) || typeof content === "string") return content;
  if (!Array.isArray(content)) throw refused(field, "Content is neither a text nor a list of blocks");
  return content.map((block: unknown) => {
    if (!isObject(block)) throw refused(field, "A block of content is not a JSON object");
    const type = block["type"] ?? "text";
    const known = typeof type === "string" && Object.hasOwn(blockFields, type) ? blockFields[type] : undefined;
    if (known === undefined)
      throw refused(field, `Content of the type ${String(type).slice(0, 100)} has no bounded cost`);
    if (isInResult && (type === "tool_result" || type === "document"))
      throw refused(field, `A tool result holds a block of the type ${type}`);
    if (type === "image_url" || type === "image") addImage(block, costs);
    if (type === "document") addDocument(block, costs);
    const checked = kept.of(block, known);
    if (type !== "tool_result") return checked;
    return { ...checked, content: checkContent(field, block["content"], kept, costs, true) };
  });
}

function addImage(block: Json, costs: ContentCosts): void {
  costs.images += 1;
  costs.uncountedBytes += base64Length(imageDataOf(block));
}

/** The provider reads a document's text; a PDF holds more of it than bytes. */
function addDocument(block: Json, costs: ContentCosts): void {
  const source = objectAt(block, "source");
  const type = stringAt(source, "type");
  if (type === "text" && stringAt(source, "data") !== undefined) return;
  if (type === "content" && typeof source?.["content"] === "string") return;
  if (type !== "base64") throw refused("messages", "A document must be sent as text or as a base64 PDF");
  costs.tokens += tokensPerPdf;
  costs.uncountedBytes += base64Length(stringAt(source, "data") ?? "");
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
