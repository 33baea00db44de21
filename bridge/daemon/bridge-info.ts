import type { BridgeInfo } from "../lifecycle/bridge-state.ts";
import type { Ground } from "./ground.ts";

/** How the bridge is stopped from within. */
export interface Stopping {
  /** The time for the orderly stop. */
  graceMs: number;
  readonly stop: () => void;
}

export function describeBridge(ground: Ground, socketPath: string, stopping: Stopping): BridgeInfo {
  const { version, installId, config, clock, native, engine } = ground;
  return {
    version,
    installId,
    engine: engine.kind,
    pid: process.pid,
    startedAtMs: clock.now(),
    startedMonotonicMs: clock.monotonic(),
    socketPath,
    stateDirectory: config.stateDir,
    runtimeDirectory: config.runtimeDir,
    peerCredentials: native === undefined ? "unavailable" : "available",
    residentBytes: () => process.memoryUsage.rss(),
    state: "starting",
    graceMs: () => stopping.graceMs,
    shutdown: (graceMs) => {
      stopping.graceMs = graceMs;
      stopping.stop();
    },
  };
}
