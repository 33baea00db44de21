export { agentBundlePath } from "./agent-image/agent-bundle.ts";
export { selectEngine } from "./containers.ts";
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
} from "./engine.ts";
export type { EngineOptions } from "./engine-options.ts";
export { bootId } from "./process/proc.ts";
export { type WorkspaceFill, Workspaces, workspaceFill } from "./sandbox/workspaces.ts";
