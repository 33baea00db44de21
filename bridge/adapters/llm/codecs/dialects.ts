import { anthropicEndpoint } from "./anthropic-endpoint.ts";
import { anthropicProvider } from "./anthropic-provider.ts";
import type { DialectName } from "./chat-request.ts";
import type { EndpointDialect, ProviderDialect } from "./dialect.ts";
import { openaiEndpoint } from "./openai-endpoint.ts";
import { openaiProvider } from "./openai-provider.ts";

/** A further dialect is one entry in each of these. Any endpoint's dialect is translated to any provider's. */
export const endpointDialects: Readonly<Record<DialectName, EndpointDialect>> = {
  openai: openaiEndpoint,
  anthropic: anthropicEndpoint,
};
export const providerDialects: Readonly<Record<DialectName, ProviderDialect>> = {
  openai: openaiProvider,
  anthropic: anthropicProvider,
};
