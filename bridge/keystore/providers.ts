/** A provider of keys. A key of an unexpected shape is stored with a warning, because providers change their formats. */
export interface Provider {
  readonly name: string;
  readonly shape?: RegExp;
  readonly looksLike?: string;
  readonly baseUrl?: string;
  /** A free call that shows whether the provider accepts a key. */
  readonly probe?: { readonly path: string; readonly header: string; readonly prefix: string };
}

const bearer = { header: "authorization", prefix: "Bearer " };

export const providers: Readonly<Record<string, Provider>> = {
  openai: {
    name: "OpenAI",
    shape: /^sk-(?!ant-|or-)[\w-]{20,}$/,
    looksLike: "sk-…",
    baseUrl: "https://api.openai.com/v1",
    probe: { path: "/models", ...bearer },
  },
  anthropic: {
    name: "Anthropic",
    shape: /^sk-ant-[\w-]{20,}$/,
    looksLike: "sk-ant-…",
    baseUrl: "https://api.anthropic.com/v1",
    probe: { path: "/models", header: "x-api-key", prefix: "" },
  },
  openrouter: {
    name: "OpenRouter",
    shape: /^sk-or-[\w-]{20,}$/,
    looksLike: "sk-or-…",
    baseUrl: "https://openrouter.ai/api/v1",
    probe: { path: "/key", ...bearer },
  },
  google: {
    name: "Google AI",
    shape: /^AIza[\w-]{35}$/,
    looksLike: "AIza…",
    baseUrl: "https://generativelanguage.googleapis.com/v1beta",
    probe: { path: "/models", header: "x-goog-api-key", prefix: "" },
  },
  groq: {
    name: "Groq",
    shape: /^gsk_\w{20,}$/,
    looksLike: "gsk_…",
    baseUrl: "https://api.groq.com/openai/v1",
    probe: { path: "/models", ...bearer },
  },
  deepseek: {
    name: "DeepSeek",
    shape: /^sk-[\w-]{20,}$/,
    looksLike: "sk-…",
    baseUrl: "https://api.deepseek.com",
    probe: { path: "/models", ...bearer },
  },
  xai: {
    name: "xAI",
    shape: /^xai-[\w-]{20,}$/,
    looksLike: "xai-…",
    baseUrl: "https://api.x.ai/v1",
    probe: { path: "/models", ...bearer },
  },
  moonshot: {
    name: "Moonshot",
    shape: /^sk-[\w-]{20,}$/,
    looksLike: "sk-…",
    baseUrl: "https://api.moonshot.ai/v1",
    probe: { path: "/models", ...bearer },
  },
  nvidia: {
    name: "NVIDIA",
    shape: /^nvapi-[\w-]{20,}$/,
    looksLike: "nvapi-…",
    baseUrl: "https://integrate.api.nvidia.com/v1",
    probe: { path: "/models", ...bearer },
  },
  ollama: { name: "Ollama" },
  zhipu: { name: "Zhipu" },
  cloudflare: { name: "Cloudflare" },
  github: {
    name: "GitHub",
    shape: /^(?:gh[pousr]_\w{36,}|github_pat_\w{50,})$/,
    looksLike: "ghp_… or github_pat_…",
    baseUrl: "https://api.github.com",
    probe: { path: "/user", ...bearer },
  },
  matrix: { name: "Matrix" },
  twilio: { name: "Twilio" },
};

export const providerOf = (id: string): Provider | undefined =>
  Object.hasOwn(providers, id) ? providers[id] : undefined;

/** Returns what looks wrong about a key. The texts contain no part of the key. */
export function keyWarnings(providerId: string, token: string): string[] {
  const provider = providerOf(providerId);
  const warnings: string[] = [];
  if (provider === undefined) warnings.push(`${providerId} is not a provider that this bridge knows`);
  if (token !== token.trim()) warnings.push("The key begins or ends with white space");
  if (provider?.shape?.test(token.trim()) === false) {
    const other = Object.values(providers).find((one) => one !== provider && one.shape?.test(token.trim()));
    const hint = other === undefined ? "" : `; it looks like one of ${other.name}`;
    warnings.push(`Keys of ${provider.name} look like ${provider.looksLike}, and this one does not${hint}`);
  }
  return warnings;
}
