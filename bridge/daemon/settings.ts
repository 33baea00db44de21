import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { loopMap } from "@armorclaw/agent-runtime";
import { BridgeError, type LoopManifestInput, LoopName } from "@armorclaw/protocol";
import type { SupervisorSettings } from "../agents/index.ts";
import type { Config, LoadedConfig } from "../config/index.ts";
import type { EngineOptions } from "../containers/index.ts";
import type { RetentionSettings } from "../events/index.ts";
import { systemClock } from "../platform/clock.ts";
import type { ControlListenerOptions, RpcLimits } from "../rpc/index.ts";
import { withRooms } from "./matrix.ts";

/** The configuration in the supervisor's words. */
export function supervisorSettings(config: LoadedConfig["config"]): SupervisorSettings {
  const { agents, restart, loops } = config;
  return {
    start: agents.start,
    agentsMax: agents.max,
    helloDeadlineMs: agents.hello_deadline_ms,
    startsAtOnce: 2 * availableParallelism(),
    hangAfterMs: agents.hang_after_ms,
    stopGraceMs: agents.stop_grace_ms,
    reconcileMs: agents.reconcile_ms,
    usageIntervalMs: agents.usage_interval_ms,
    log: {
      directory: join(config.state_dir, "logs"),
      bytesMax: agents.log_bytes_max,
      quota: perSecond(agents.log_bytes_per_second),
    },
    eventQuota: perSecond(agents.events_per_second),
    restart: {
      initialMs: restart.initial_ms,
      maxMs: restart.max_ms,
      healthyAfterMs: restart.healthy_after_ms,
      failuresMax: restart.failures_max,
      windowMs: restart.window_ms,
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
    ageMsMax: events.retention_days * 86_400_000,
    bytesMax: events.retention_bytes,
    volatileAgeMsMax: events.volatile_retention_minutes * 60_000,
    volatileBytesMax: events.volatile_bytes,
  };
}

export const circuitSettings = ({ http }: Config) => ({ failuresMax: http.failures_max, openMs: http.open_ms });

export function rpcLimits({ rpc }: Config): Partial<RpcLimits> {
  return {
    frameBytesMax: rpc.frame_bytes_max,
    batchMax: rpc.batch_max,
    inFlightMax: rpc.in_flight_max,
    connectionsMax: rpc.connections_max,
    queueBytesMax: rpc.queue_bytes_max,
    writeDeadlineMs: rpc.write_deadline_ms,
    callDeadlineMs: rpc.call_deadline_ms,
  };
}

/** Under what the bridge's own socket is sealed, when it is. */
export function socketSealing({ rpc }: Config): ControlListenerOptions["sealing"] {
  const { seal_key_file: keyFile, frame_bytes_max: messageBytesMax } = rpc;
  return keyFile === undefined ? undefined : { keyFile, messageBytesMax };
}

/** What an engine needs besides the two things that the configuration does not know. */
export function engineSettings(config: LoadedConfig["config"]): Omit<EngineOptions, "installId" | "logger" | "native"> {
  return {
    choice: config.engine,
    allowUnsandboxed: config.allow_unsandboxed,
    stateDirectory: config.state_dir,
    runtimeDirectory: config.runtime_dir,
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
    const { secrets, configs, rooms, hears = manifest.hears } = config.loops[LoopName.parse(manifest.name)] ?? {};
    return {
      ...manifest,
      ...(secrets === undefined ? {} : { secrets }),
      ...(configs === undefined ? {} : { configs }),
      ...heard(manifest.channels, hears, rooms),
    };
  });
}

/** The channels of a loop with those of its rooms. What it is to hear it may read. */
function heard(channels: LoopManifestInput["channels"], hears: readonly string[] = [], rooms: readonly string[] = []) {
  const { subscribe, publish } = withRooms(channels, rooms);
  const ofRooms = withRooms({}, rooms).subscribe;
  return { channels: { subscribe: [...new Set([...subscribe, ...hears])], publish }, hears: [...hears, ...ofRooms] };
}
