import type { LoopManifestInput } from "@armorclaw/protocol";

export const ttsManifest: LoopManifestInput = {
  name: "tts",
  summary: "Speaks agents' text to callers.",
  grants: ["speech.programs"],
  limits: { memory_bytes: 256 * 1024 * 1024, cpus: 1, pids: 48, tmp_bytes: 64 * 1024 * 1024 },
  schedule: { every_ms: 60_000 },
  heartbeat_ms: 2_000,
  restart: "always",
};
