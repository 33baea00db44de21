import type { LoopEntry } from "./loop.ts";
import { heartbeatManifest } from "./loops/heartbeat.manifest.ts";
import { systemMonitorManifest } from "./loops/system-monitor.manifest.ts";

/** Every loop that this runtime can run, by its name. The bridge reads the manifests; only an agent loads the code. */
export const loopMap = {
  heartbeat: { manifest: heartbeatManifest, load: () => import("./loops/heartbeat.ts") },
  "system-monitor": { manifest: systemMonitorManifest, load: () => import("./loops/system-monitor.ts") },
} as const satisfies Record<string, LoopEntry>;
