import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { BridgeError } from "@armorclaw/protocol";
import type { SupervisorSettings } from "./agents/agents.ts";
import type { Config, LoadedConfig } from "./config/config.ts";
import type { EngineOptions } from "./containers/containers.ts";
import { systemClock } from "./platform/clock.ts";
import type { RpcLimits } from "./rpc/rpc.ts";

/** The configuration in the supervisor's words. */
export function supervisorSettings(config: Config): SupervisorSettings {
  const { agents, restart, loops } = config;
  return {
    start: agents.start,
    agentsMax: agents.max,
    helloDeadlineMs: agents.hello_deadline_ms,
    stopGraceMs: agents.stop_grace_ms,
    logBytesMax: agents.log_bytes_max,
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

/** What an engine needs besides the two things that the configuration does not know. */
export function engineSettings(config: LoadedConfig["config"]): Omit<EngineOptions, "installId" | "logger"> {
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
  const candidates = ["../agent/agent.mjs", "../dist/agent/agent.mjs"].map((path) =>
    fileURLToPath(new URL(path, import.meta.url)),
  );
  const found = candidates.find((path) => existsSync(path));
  if (found === undefined)
    throw new BridgeError("IMAGE_BUILD_FAILED", "The agents' bundle dist/agent/agent.mjs is missing");
  return found;
}
