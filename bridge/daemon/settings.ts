import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { loopMap } from "@armorclaw/agent-runtime";
import { BridgeError, type LoopManifestInput, LoopName } from "@armorclaw/protocol";
import type { SupervisorSettings } from "../agents/index.ts";
import type { Config } from "../config/index.ts";
import type { EngineOptions } from "../containers/index.ts";
import type { RetentionSettings } from "../events/index.ts";
import { systemClock } from "../platform/clock.ts";
import type { ControlListenerOptions, RpcLimits } from "../rpc/index.ts";
import { withRooms } from "./matrix.ts";

/** The configuration in the supervisor's words. */
export function supervisorSettings(config: Config): SupervisorSettings {
  const { agents, restart, loops } = config;
  return {
    start: agents.start,
    agentsMax: agents.max,
    helloDeadlineMs: agents.helloDeadlineMs,
    startsAtOnce: 2 * availableParallelism(),
    hangAfterMs: agents.hangAfterMs,
    stopGraceMs: agents.stopGraceMs,
    reconcileMs: agents.reconcileMs,
    usageIntervalMs: agents.usageIntervalMs,
    log: {
      directory: join(config.stateDir, "logs"),
      bytesMax: agents.logBytesMax,
      quota: perSecond(agents.logBytesPerSecond),
    },
    eventQuota: perSecond(agents.eventsPerSecond),
    restart: {
      initialMs: restart.initialMs,
      maxMs: restart.maxMs,
      healthyAfterMs: restart.healthyAfterMs,
      failuresMax: restart.failuresMax,
      windowMs: restart.windowMs,
    },
    loops,
  };
}

/** What may come at once is what a burst of seconds allows. */
const burstSeconds = 10;
const perSecond = (rate: number) => ({ perSecond: rate, burst: rate * burstSeconds });

/** The configuration in the log's words. */
export function retentionSettings({ events }: Config): RetentionSettings {
  return {
    ageMsMax: events.retentionDays * 86_400_000,
    bytesMax: events.retentionBytes,
    volatileAgeMsMax: events.volatileRetentionMinutes * 60_000,
    volatileBytesMax: events.volatileBytes,
  };
}

export const circuitSettings = ({ http }: Config) => ({ failuresMax: http.failuresMax, openMs: http.openMs });

export function rpcLimits({ rpc }: Config): Partial<RpcLimits> {
  return {
    frameBytesMax: rpc.frameBytesMax,
    batchMax: rpc.batchMax,
    inFlightMax: rpc.inFlightMax,
    connectionsMax: rpc.connectionsMax,
    queueBytesMax: rpc.queueBytesMax,
    writeDeadlineMs: rpc.writeDeadlineMs,
    callDeadlineMs: rpc.callDeadlineMs,
  };
}

/** Under what the bridge's own socket is sealed, when it is. */
export function socketSealing({ rpc }: Config): ControlListenerOptions["sealing"] {
  const { sealKeyFile: keyFile, frameBytesMax: messageBytesMax } = rpc;
  return keyFile === undefined ? undefined : { keyFile, messageBytesMax };
}

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
