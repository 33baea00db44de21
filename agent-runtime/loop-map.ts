import { heartbeatManifest } from "./loops/heartbeat.manifest.ts";
import type { LoopEntry } from "./loops/loop.ts";
import { sttManifest } from "./loops/stt.manifest.ts";
import { systemMonitorManifest } from "./loops/system-monitor.manifest.ts";
import { ttsManifest } from "./loops/tts.manifest.ts";
import { voiceAssistantManifest } from "./loops/voice-assistant.manifest.ts";
import { voiceEchoManifest } from "./loops/voice-echo.manifest.ts";

/** The loops of this runtime by name. The bridge reads the manifests; only an agent loads the code. */
export const loopMap = {
  heartbeat: { manifest: heartbeatManifest, load: () => import("./loops/heartbeat.ts") },
  "system-monitor": { manifest: systemMonitorManifest, load: () => import("./loops/system-monitor.ts") },
  stt: { manifest: sttManifest, load: () => import("./loops/stt.ts") },
  tts: { manifest: ttsManifest, load: () => import("./loops/tts.ts") },
  "voice-echo": { manifest: voiceEchoManifest, load: () => import("./loops/voice-echo.ts") },
  "voice-assistant": { manifest: voiceAssistantManifest, load: () => import("./loops/voice-assistant.ts") },
} as const satisfies Record<string, LoopEntry>;
