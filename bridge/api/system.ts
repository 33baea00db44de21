import type { MethodsOf } from "@armorclaw/protocol";
import type { AgentSupervisor } from "../agents/index.ts";
import type { HostMeter } from "../platform/os/host-info.ts";
import type { Handlers } from "../rpc/index.ts";
import { agentUsage } from "./agent.ts";
import type { BridgeHealth } from "./bridge.ts";

export function systemHandlers(
  agents: AgentSupervisor,
  host: HostMeter,
  health: () => Promise<BridgeHealth>,
): Handlers<MethodsOf<"system">> {
  return {
    "system.info": async () => {
      const [reading, usage, { status, checks }] = await Promise.all([host.read(), agents.usage(), health()]);
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
          status,
          agents_running: agents.list(false).filter(({ state }) => state === "running").length,
          problems: checks.filter((check) => check.status !== "ok").map(({ message }) => message),
        },
      };
    },
  };
}
