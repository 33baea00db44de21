import { anthropicEndpoint } from "./anthropic-endpoint.ts";
import { anthropicProvider } from "./anthropic-provider.ts";
import type { ChatRequest, EndpointDialectName, ProviderKind } from "./chat-request.ts";
import type { EndpointDialect, ProviderDialect } from "./dialect.ts";
import { embeddingsProvider } from "./embeddings.ts";
import { geminiEndpoint } from "./gemini-endpoint.ts";
import { openaiEndpoint } from "./openai-endpoint.ts";
import { openaiProvider } from "./openai-provider.ts";
import { responsesEndpoint } from "./responses-endpoint.ts";

/** A further dialect is one entry in each of these. Any endpoint's dialect is translated to any provider's. */
export const endpointDialects: Readonly<Record<EndpointDialectName, EndpointDialect>> = {
  openai: openaiEndpoint,
  anthropic: anthropicEndpoint,
  responses: responsesEndpoint,
  gemini: geminiEndpoint,
};
const providerDialects: Readonly<Record<ProviderKind, ProviderDialect>> = {
  openai: openaiProvider,
  anthropic: anthropicProvider,
};

/** What a provider of that kind is asked in. Of the providers' kinds, OpenAI's alone has embeddings. */
export const providerDialect = (kind: ProviderKind, { source }: ChatRequest): ProviderDialect =>
  source.dialect === "embeddings" && kind === "openai" ? embeddingsProvider : providerDialects[kind];
