import type { TokenUsage } from "../../../budget/index.ts";
import type { ChatRequest, ModelEvent } from "./chat-request.ts";
import type { ProviderDialect, ProviderRequestOptions, StreamDecoder } from "./dialect.ts";
import { arrayAt, countAt, isObject, type Json, objectAt, stringAt } from "./json.ts";
import { refused } from "./request-checks.ts";

/** As many as OpenAI takes in one request. */
const inputsMax = 2_048;
const passed: ReadonlySet<string> = new Set(["model", "input", "encoding_format", "dimensions"]);

/** OpenAI's embeddings: vectors of texts. They have input tokens alone. */
export const embeddingsProvider: ProviderDialect = {
  name: "embeddings",
  path: "/embeddings",
  headers: (key) => (key === "" ? {} : { authorization: `Bearer ${key}` }),
  encodeRequest: ({ source }, { model }: ProviderRequestOptions) => ({ ...source.body, model }),
  decodeAnswer,
  streamDecoder: (): StreamDecoder => ({ decode: () => undefined }),
};

/** @throws BridgeError LLM_REQUEST_REFUSED */
export function decodeEmbeddingsRequest(body: Json): ChatRequest {
  const model = stringAt(body, "model");
  if (model === undefined || model === "") throw refused("model", "The request names no model");
  const { input } = body;
  const inputs: readonly unknown[] = Array.isArray(input) ? input : [input];
  if (inputs.length === 0 || !inputs.every(isInput))
    throw refused("input", "input is neither a text, nor tokens, nor a list of them");
  if (inputs.length > inputsMax && inputs.some((one) => typeof one !== "number"))
    throw refused("input", `input holds more than ${inputsMax} texts`);
  const known = Object.fromEntries(Object.entries(body).filter(([key]) => passed.has(key)));
  return {
    model,
    isStream: false,
    outputTokens: 0,
    // A token is made of at least one byte, and a token's number has at least one digit.
    promptTokensBound: Buffer.byteLength(JSON.stringify(input)) + inputs.length,
    dropped: Object.keys(body)
      .filter((key) => !passed.has(key))
      .slice(0, 20),
    headers: {},
    textTools: new Set(),
    wantsUsage: true,
    source: { dialect: "embeddings", body: known },
    conversation: () => {
      throw refused("model", "The provider of this model has no embeddings");
    },
  };
}

const isToken = (value: unknown): boolean => Number.isSafeInteger(value);
const isInput = (value: unknown): boolean =>
  typeof value === "string" || isToken(value) || (Array.isArray(value) && value.length > 0 && value.every(isToken));

function decodeAnswer(answer: Json): readonly ModelEvent[] {
  const { error } = answer;
  if (error !== undefined && error !== null)
    return [
      {
        type: "failure",
        message: stringAt(error, "message") ?? JSON.stringify(error).slice(0, 500),
        status: countAt(error, "code"),
      },
    ];
  if (!arrayAt(answer, "data").every((entry) => isObject(entry)) || arrayAt(answer, "data").length === 0)
    return [{ type: "failure", message: "The answer holds no embeddings", status: undefined }];
  const input = countAt(objectAt(answer, "usage"), "prompt_tokens");
  const usage: TokenUsage | undefined =
    input === undefined ? undefined : { input, output: 0, cacheRead: 0, cacheWrite: 0, cacheWrite1h: 0 };
  return [
    { type: "start", id: "", model: stringAt(answer, "model") ?? "" },
    ...(usage === undefined ? [] : [{ type: "usage", usage } as const]),
    { type: "finish", reason: "stop" },
    { type: "end" },
  ];
}
