export type { AgentDirectory, LiveAgent } from "./agent-directory.ts";
export { type LifecycleOptions, runServices, type Service, whereEnabled } from "./lifecycle.ts";
export { LoopMonitor, type LoopWork } from "./loop-monitor.ts";
