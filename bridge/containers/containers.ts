import { BridgeError } from "@armorclaw/protocol";
import { socketsAreFiles } from "../platform/os/socket-path.ts";
import { AwaitedEngine } from "./awaited-engine.ts";
import { mayAnswer } from "./docker/docker-client.ts";
import type { Engine, EngineKind } from "./port/engine.ts";
import { type EngineOptions, messageOf } from "./port/engine-options.ts";

/**
 * Opens the configured engine, or with `auto` the one that holds running agents of this install; where none does,
 * the strongest that works here: Docker when an engine answers, sandboxes when a real start succeeds, else plain
 * processes, which refuse agents that hold grants.
 * @throws BridgeError ENGINE_UNAVAILABLE, IMAGE_BUILD_FAILED
 */
export async function selectEngine(options: EngineOptions): Promise<Engine> {
  const { choice, holding, logger } = options;
  const isHolderMeant = choice === "auto" || choice === holding;
  const holder = isHolderMeant ? await openHolder(options) : undefined;
  if (holder !== undefined) return holder;
  if (holding !== undefined && !isHolderMeant)
    logger.warn({ holding, chosen: choice }, "Agents of an earlier bridge may still run on the engine before this one");
  if (choice !== "auto") return await openEngine(choice, options);
  // No agent runs on this platform, so the bridge does not look for an engine.
  const kinds = socketsAreFiles ? (["docker", "sandbox"] as const) : [];
  const reasons: string[] = [];
  for (const kind of kinds) {
    try {
      return await openEngine(kind, options);
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      options.logger.info({ engine: kind, reason: messageOf(error) }, "Engine not available");
      reasons.push(error.message);
    }
  }
  const { ProcessEngine } = await import("./process/process-engine.ts");
  return new ProcessEngine(options, reasons.at(-1));
}

/** Returns the engine that holds running agents, or waits for it where it does not answer. Undefined when no engine holds any. */
async function openHolder(options: EngineOptions): Promise<Engine | undefined> {
  if (options.holding === "docker") {
    // Waiting does not help when the host cannot be parsed.
    mayAnswer(options.dockerHost);
    const open = () => openEngine("docker", options);
    try {
      return await open();
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      options.logger.warn({ reason: error.message }, "Docker holds agents of this install: waiting for it");
      return new AwaitedEngine(open, error.message);
    }
  }
  if (options.holding !== "sandbox") return undefined;
  const engine = await openEngine("sandbox", options).catch((error: unknown) => {
    if (!isUnavailable(error)) throw error;
    return undefined;
  });
  const containers = (await engine?.list(AbortSignal.timeout(listTimeoutMs))) ?? [];
  if (containers.some(({ running }) => running)) return engine;
  await engine?.close();
  return undefined;
}

const listTimeoutMs = 10_000;

const isUnavailable = (error: unknown): error is BridgeError =>
  error instanceof BridgeError && error.code === "ENGINE_UNAVAILABLE";

/** Each engine is imported when it is used: Docker's client alone takes half a second and 30 MB. */
async function openEngine(kind: EngineKind, options: EngineOptions): Promise<Engine> {
  switch (kind) {
    case "docker": {
      const { DockerEngine } = await import("./docker/docker.ts");
      return await DockerEngine.open(options);
    }
    case "sandbox": {
      const { SandboxEngine } = await import("./sandbox/sandbox-engine.ts");
      return await SandboxEngine.open(options);
    }
    case "process": {
      const { ProcessEngine } = await import("./process/process-engine.ts");
      return new ProcessEngine(options);
    }
  }
}
