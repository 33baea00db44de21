export { clientSealKey } from "./client-seal-key.ts";
export { type ConfigSources, configJsonSchema, type LoadedConfig, loadConfig } from "./config.ts";
export type { ConfigIssue } from "./overrides.ts";
export { clientSocketPaths, type Environment } from "./paths.ts";
export type { Config } from "./schema.ts";
export { environmentName, leaves } from "./schema.ts";
