import type { EndpointDialectName } from "../codecs/chat-request.ts";

/** What a request to the model endpoint asks for. */
export type EndpointRequest =
  | {
      readonly kind: "chat" | "countTokens";
      readonly dialect: EndpointDialectName;
      /** What the dialect has in the path instead of the body. */
      readonly inPath?: { readonly model: string; readonly stream: boolean };
    }
  | { readonly kind: "models"; readonly dialect: EndpointDialectName }
  | { readonly kind: "model"; readonly dialect: EndpointDialectName; readonly model: string }
  | { readonly kind: "embeddings"; readonly dialect: "openai" };

const posts: Readonly<Record<string, EndpointRequest>> = {
  "chat/completions": { kind: "chat", dialect: "openai" },
  messages: { kind: "chat", dialect: "anthropic" },
  "messages/count_tokens": { kind: "countTokens", dialect: "anthropic" },
  responses: { kind: "chat", dialect: "responses" },
  "responses/input_tokens": { kind: "countTokens", dialect: "responses" },
  embeddings: { kind: "embeddings", dialect: "openai" },
};

/** SDKs append to the base address `/v1/messages` or `/messages`, so that one base address has to serve paths with the version, without it, and with it twice. */
const versions = /^(?:\/v1)*\//;

/** The request's path without its query and version. */
export const pathOf = (url: string): string => (url.split("?", 1)[0] ?? "").replace(versions, "");

/** Gemini's paths: a model and what is asked of it. */
const gemini = /^v1(?:beta|alpha)?\/models\/(?:models\/)?([^:]+):(generateContent|streamGenerateContent|countTokens)$/;
const geminiVersion = /^\/v1(?:beta|alpha)\//;

function geminiRequest(url: string): EndpointRequest | undefined {
  const [, model, operation] = gemini.exec((url.split("?", 1)[0] ?? "").slice(1)) ?? [];
  if (model === undefined) return undefined;
  const inPath = { model: decoded(model), stream: operation === "streamGenerateContent" };
  return { kind: operation === "countTokens" ? "countTokens" : "chat", dialect: "gemini", inPath };
}

/** The dialect that a client of this path reads errors in. */
export function dialectOf(url: string): EndpointDialectName {
  const path = pathOf(url);
  if (geminiVersion.test(url) || geminiRequest(url) !== undefined) return "gemini";
  if (path.startsWith("messages")) return "anthropic";
  return path.startsWith("responses") ? "responses" : "openai";
}

/** @returns undefined for what the endpoint does not serve */
export function endpointRequest(method: string, url: string): EndpointRequest | undefined {
  const path = pathOf(url);
  const asked = method === "POST" ? geminiRequest(url) : undefined;
  if (asked !== undefined) return asked;
  if (method === "POST") return Object.hasOwn(posts, path) ? posts[path] : undefined;
  if (method !== "GET") return undefined;
  const isGemini = geminiVersion.test(url);
  const ownPath = isGemini ? path.replace(/^v1(?:beta|alpha)\//, "") : path;
  const dialect = isGemini ? "gemini" : "openai";
  if (ownPath === "models") return { kind: "models", dialect };
  if (!ownPath.startsWith("models/")) return undefined;
  return { kind: "model", dialect, model: decoded(ownPath.slice("models/".length)) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** For a refusal of any other path. */
export const servedPaths =
  "POST /v1/chat/completions, /v1/responses, /v1/responses/input_tokens, /v1/messages, /v1/messages/count_tokens and /v1/embeddings, GET /v1/models and /v1/models/{model}, and Gemini's POST /v1beta/models/{model}:generateContent, :streamGenerateContent and :countTokens";
