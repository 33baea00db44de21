import { BridgeError } from "@armorclaw/protocol";
import type { Engine, EngineKind } from "./engine.ts";
import { type EngineOptions, messageOf } from "./engine-options.ts";

export {
  type Attestation,
  type Container,
  type ContainerRecord,
  type ContainerSpec,
  type Engine,
  type EngineKind,
  engineKinds,
  type OutputLine,
  type Usage,
} from "./engine.ts";
export type { EngineOptions } from "./engine-options.ts";

/**
 * Opens the engine that was chosen, or with `auto` the strongest that works here: Docker when an engine answers,
 * sandboxes when a real start succeeds, else plain processes, which refuse agents that hold grants.
 * @throws BridgeError ENGINE_UNAVAILABLE, IMAGE_BUILD_FAILED
 */
export async function selectEngine(options: EngineOptions): Promise<Engine> {
  if (options.choice !== "auto") return await openEngine(options.choice, options);
  const reasons: string[] = [];
  for (const kind of ["docker", "sandbox"] as const) {
    try {
      return await openEngine(kind, options);
    } catch (error) {
      if (!(error instanceof BridgeError) || error.code !== "ENGINE_UNAVAILABLE") throw error;
      options.logger.info({ engine: kind, reason: messageOf(error) }, "Engine not available");
      reasons.push(error.message);
    }
  }
  const { ProcessEngine } = await import("./process-engine.ts");
  return new ProcessEngine(options, reasons.at(-1));
}

/** Each engine is imported when it is wanted: Docker's client alone takes half a second and 30 MB. */
async function openEngine(kind: EngineKind, options: EngineOptions): Promise<Engine> {
  switch (kind) {
    case "docker": {
      const { DockerEngine } = await import("./docker.ts");
      return await DockerEngine.open(options);
    }
    case "sandbox": {
      const { SandboxEngine } = await import("./sandbox.ts");
      return await SandboxEngine.open(options);
    }
    case "process": {
      const { ProcessEngine } = await import("./process-engine.ts");
      return new ProcessEngine(options);
    }
  }
}
