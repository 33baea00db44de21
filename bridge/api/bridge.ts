import type { MethodsOf } from "@armorclaw/protocol";
import type { AgentSupervisor } from "../agents/index.ts";
import type { Engine } from "../containers/index.ts";
import type { Doctor, Health } from "../doctor/index.ts";
import type { BridgeInfo } from "../lifecycle/bridge-state.ts";
import type { Clock } from "../platform/clock.ts";
import type { Handlers } from "../rpc/index.ts";
import { iso } from "./time.ts";

export interface BridgeHandlerDeps {
  readonly info: BridgeInfo;
  readonly engine: Engine;
  readonly agents: AgentSupervisor;
  readonly clock: Clock;
  readonly health: () => Promise<Health>;
  readonly doctor: Doctor;
}

export function bridgeHandlers(deps: BridgeHandlerDeps): Handlers<MethodsOf<"bridge">> {
  const { info, engine, agents, clock, health, doctor } = deps;
  return {
    "bridge.status": () => {
      const all = agents.list(true);
      const running = all.filter(({ state }) => state === "running");
      const containerIds = running.flatMap(({ containerId }) => (containerId === null ? [] : [containerId]));
      return {
        version: info.version,
        state: info.state,
        status: info.state,
        install_id: info.installId,
        pid: info.pid,
        uptime_ms: Math.round(clock.monotonic() - info.startedMonotonicMs),
        started_at: iso(info.startedAtMs),
        socket: info.socketPath,
        state_dir: info.stateDirectory,
        runtime_dir: info.runtimeDirectory,
        engine: engine.status,
        peer_credentials: info.peerCredentials,
        agents: { running: running.length, total: all.length },
        containers: containerIds.length,
        container_ids: containerIds,
        memory_bytes: info.residentBytes(),
        engine_reachable: agents.isEngineReachable,
        panic: panicOf(agents),
      };
    },
    "bridge.health": async () => {
      const { status, checks } = await health();
      return { status, checks: [...checks] };
    },
    "bridge.doctor": () => doctor.examine(),
    "bridge.panic": async ({ reason }) => {
      const report = await agents.panic(reason);
      return { agents: report.agents, frozen_ms: report.frozenMs, killed_ms: report.killedMs };
    },
    "bridge.resume": async () => ({ agents: await agents.resume() }),
    "bridge.shutdown": ({ grace_ms }) => {
      info.shutdown(grace_ms);
      return { status: "draining" };
    },
  };
}

function panicOf({ panicked }: AgentSupervisor): { since: string; reason: string } | null {
  return panicked === undefined ? null : { since: iso(panicked.sinceMs), reason: panicked.reason };
}
