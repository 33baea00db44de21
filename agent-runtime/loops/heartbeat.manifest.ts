import type { LoopManifestInput } from "@armorclaw/protocol";

export const heartbeatManifest: LoopManifestInput = {
  name: "heartbeat",
  summary: "Sends numbered pulses, so that people notice when they stop.",
  grants: [],
  limits: { memory_bytes: 128 * 1024 * 1024, cpus: 0.5, pids: 32, tmp_bytes: 16 * 1024 * 1024 },
  schedule: { every_ms: 2_000 },
  heartbeat_ms: 2_000,
  restart: "always",
};
