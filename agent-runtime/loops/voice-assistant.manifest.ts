import type { LoopManifestInput } from "@armorclaw/protocol";

export const voiceAssistantManifest: LoopManifestInput = {
  name: "voice-assistant",
  summary: "Answers callers' questions about the system.",
  grants: ["system.info"],
  limits: { memory_bytes: 128 * 1024 * 1024, cpus: 0.5, pids: 32, tmp_bytes: 16 * 1024 * 1024 },
  schedule: { every_ms: 60_000 },
  heartbeat_ms: 2_000,
  restart: "always",
};
