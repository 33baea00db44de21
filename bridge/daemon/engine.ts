import type { Config } from "../config/index.ts";
import { agentBundlePath, type Engine, type EngineOptions, selectEngine } from "../containers/index.ts";

/** Opens the engine that the configuration chooses. */
export function composeEngine(
  config: Config,
  options: Pick<EngineOptions, "installId" | "native" | "holding" | "logger" | "clock">,
): Promise<Engine> {
  return selectEngine({
    ...options,
    choice: config.engine,
    allowUnsandboxed: config.allowUnsandboxed,
    stateDirectory: config.stateDir,
    runtimeDirectory: config.runtimeDir,
    dockerHost: config.docker.host,
    runtime: config.docker.runtime,
    agentBundle: agentBundlePath(),
    nodeBinary: process.execPath,
  });
}
