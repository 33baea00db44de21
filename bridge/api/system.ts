import type { MethodsOf } from "@armorclaw/protocol";
import type { AgentSupervisor } from "../agents/index.ts";
import type { Health } from "../doctor/index.ts";
import type { HostMeter } from "../platform/os/host-info.ts";
import type { Handlers } from "../rpc/index.ts";
import { agentUsage } from "./agent.ts";

export interface SystemHandlerDeps {
  readonly supervisor: AgentSupervisor;
  readonly host: HostMeter;
  readonly health: () => Promise<Health>;
}

export function systemHandlers(deps: SystemHandlerDeps): Handlers<MethodsOf<"system">> {
  const { supervisor, host, health } = deps;
  return {
    "system.info": async () => {
      const [reading, usage, found] = await Promise.all([host.read(), supervisor.usage(), health()]);
      const [one, five, fifteen] = reading.load;
      return {
        host: {
          cpus: reading.cpus,
          cpu_percent: reading.cpuPercent,
          load: [one, five, fifteen],
          memory_total_bytes: reading.memoryTotalBytes,
          memory_available_bytes: reading.memoryAvailableBytes,
          disk_total_bytes: reading.diskTotalBytes,
          disk_free_bytes: reading.diskFreeBytes,
          uptime_s: reading.uptimeS,
        },
        agents: usage.map(agentUsage),
        health: {
          status: found.status,
          agents_running: found.agentsRunning,
          problems: found.checks.filter(({ status }) => status !== "ok").map(({ message }) => message),
        },
      };
    },
  };
}
