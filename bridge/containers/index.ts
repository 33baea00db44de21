export { agentBundlePath } from "./agent-image/agent-bundle.ts";
export { selectEngine } from "./containers.ts";
export { Guard, takePanic } from "./guard/guard.ts";
export { guardedEngine } from "./guard/guarded-engine.ts";
export { bootId } from "./kernel/proc.ts";
export {
  type Container,
  type ContainerBase,
  type ContainerRecord,
  type ContainerSpec,
  type Engine,
  type EngineKind,
  engineKinds,
  type LastSeen,
  type OutputLine,
  type Workspace,
} from "./port/engine.ts";
export type { EngineOptions } from "./port/engine-options.ts";
export { type WorkspaceFill, Workspaces, workspaceFill } from "./sandbox/workspaces.ts";
