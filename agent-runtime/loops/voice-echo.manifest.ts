import type { LoopManifestInput } from "@armorclaw/protocol";

export const voiceEchoManifest: LoopManifestInput = {
  name: "voice-echo",
  summary: "Plays callers' audio back to them, to test a connection.",
  grants: [],
  limits: { memory_bytes: 128 * 1024 * 1024, cpus: 0.5, pids: 32, tmp_bytes: 16 * 1024 * 1024 },
  schedule: { every_ms: 60_000 },
  heartbeat_ms: 2_000,
  restart: "always",
};
