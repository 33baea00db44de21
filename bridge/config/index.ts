export { alertPlaces, alertRoutes } from "./alert-routes.ts";
export { clientSealKey } from "./client-seal-key.ts";
export { type ConfigSources, configJsonSchema, type LoadedConfig, loadConfig } from "./config.ts";
export {
  type DefaultAlertRule,
  type KnownNames,
  knownNames,
  type ListedService,
  unknownAgent,
  unknownChannel,
  unknownMethod,
  unknownScope,
} from "./known-names.ts";
export { environmentName } from "./leaves.ts";
export type { ConfigIssue } from "./overrides.ts";
export { clientServerUid, clientSocketPaths, type Environment } from "./paths.ts";
export { type Config, type ConfigValues, type LoopConfig, leaves } from "./schema.ts";
