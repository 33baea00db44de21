import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { loopMap } from "@armorclaw/agent-runtime";
import { BridgeError, type LoopManifestInput, LoopName } from "@armorclaw/protocol";
import type { Config } from "../config/index.ts";
import type { EngineOptions } from "../containers/index.ts";
import { systemClock } from "../platform/clock.ts";
import { withRooms } from "./matrix.ts";

/** What an engine needs besides the two things that the configuration does not know. */
export function engineSettings(config: Config): Omit<EngineOptions, "installId" | "logger" | "native"> {
  return {
    choice: config.engine,
    allowUnsandboxed: config.allowUnsandboxed,
    stateDirectory: config.stateDir,
    runtimeDirectory: config.runtimeDir,
    ...(config.docker.host === undefined ? {} : { dockerHost: config.docker.host }),
    ...(config.docker.runtime === undefined ? {} : { runtime: config.docker.runtime }),
    agentBundle: agentBundlePath(),
    nodeBinary: process.execPath,
    clock: systemClock,
  };
}

/** The agent's one file, in dist/ both of a clone and of an installed package. */
function agentBundlePath(): string {
  const candidates = ["../../agent/agent.mjs", "../../dist/agent/agent.mjs"].map((path) =>
    fileURLToPath(new URL(path, import.meta.url)),
  );
  const found = candidates.find((path) => existsSync(path));
  if (found === undefined)
    throw new BridgeError("IMAGE_BUILD_FAILED", "The agents' bundle dist/agent/agent.mjs is missing");
  return found;
}

/** The loops' manifests with what the operator changed of their secrets, configurations and rooms. */
export function loopManifests(config: Config): LoopManifestInput[] {
  return Object.values(loopMap).map(({ manifest }) => {
    const {
      secrets,
      configs,
      rooms,
      subscriptions = manifest.subscriptions,
    } = config.loops[LoopName.parse(manifest.name)] ?? {};
    return {
      ...manifest,
      ...(secrets === undefined ? {} : { secrets }),
      ...(configs === undefined ? {} : { configs }),
      ...channelRights(manifest.channels, subscriptions, rooms),
    };
  });
}

/** The channels of a loop with those of its rooms: a loop may read what it subscribes to. */
function channelRights(
  channels: LoopManifestInput["channels"],
  subscriptions: readonly string[] = [],
  rooms: readonly string[] = [],
) {
  const { subscribe, publish } = withRooms(channels, rooms);
  const ofRooms = withRooms({}, rooms).subscribe;
  return {
    channels: { subscribe: [...new Set([...subscribe, ...subscriptions])], publish },
    subscriptions: [...subscriptions, ...ofRooms],
  };
}
