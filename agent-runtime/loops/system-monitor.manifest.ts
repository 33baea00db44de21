import type { LoopManifestInput } from "@armorclaw/protocol";

export const systemMonitorManifest: LoopManifestInput = {
  name: "system-monitor",
  summary: "Measures the host and every agent, and publishes what it found.",
  grants: ["system.info"],
  limits: { memory_bytes: 128 * 1024 * 1024, cpus: 0.5, pids: 32, tmp_bytes: 16 * 1024 * 1024 },
  schedule: { every_ms: 5_000 },
  heartbeat_ms: 2_000,
  restart: "always",
};
