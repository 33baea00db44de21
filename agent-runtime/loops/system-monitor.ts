import type { AgentUsage, HostInfo } from "@armorclaw/protocol";
import type { Loop } from "./loop.ts";

/** Asks the bridge what the host and the agents use; the container itself sees neither. */
export function createLoop(): Loop {
  return {
    async tick({ call, publish, log }) {
      const { host, agents } = await call("system.info", {});
      await publish("metrics", "system.metrics", { host, agents });
      log(summary(host, agents));
    },
  };
}

/** `cpu 12.5 %  load 0.40  memory 4.1 of 23.5 GiB  disk 80.2 GiB free  2 agents` */
export function summary(host: HostInfo, agents: readonly AgentUsage[]): string {
  const cpu = host.cpu_percent === null ? "measuring" : `${host.cpu_percent.toFixed(1)} %`;
  const used = gib(host.memory_total_bytes - host.memory_available_bytes);
  return [
    `cpu ${cpu}`,
    `load ${host.load[0].toFixed(2)}`,
    `memory ${used} of ${gib(host.memory_total_bytes)} GiB`,
    `disk ${gib(host.disk_free_bytes)} GiB free`,
    `${agents.length} ${agents.length === 1 ? "agent" : "agents"}`,
  ].join("  ");
}

const gib = (bytes: number): string => (bytes / 1024 ** 3).toFixed(1);
