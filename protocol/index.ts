export { canonicalJson } from "./canonical.ts";
export {
  aliases,
  type EventData,
  type Events,
  type EventType,
  events,
  type MethodName,
  type Methods,
  type MethodsOf,
  methods,
  type Params,
  type ParamsIn,
  type Result,
  type ResultIn,
  type StreamItem,
  type StreamingMethodName,
} from "./contract.ts";
export { BridgeError, type ErrorCode, type ErrorSpec, errorCatalogue, type WireError } from "./errors/index.ts";
export type { DoctorCheck, EngineStatus } from "./methods/bridge.ts";
export { BudgetDimension } from "./methods/budget.ts";
export type { EventEnvelope } from "./methods/event.ts";
export type { HostInfo } from "./methods/system.ts";
export type { TokenInfo } from "./methods/token.ts";
export type { CallEndReason, CallState } from "./methods/webrtc.ts";
export type {
  AgentActivity,
  AgentInfo,
  AgentState,
  AgentUsage,
  ExitInfo,
  Isolation,
  LogLine,
  UsageSample,
} from "./types/agent-info.ts";
export { agentStates } from "./types/agent-info.ts";
export type { AnyEvent, AnyMethod, EventSpec, MethodSpec, Priority } from "./types/define.ts";
export {
  AgentId,
  Channel,
  ChannelPattern,
  ConfigName,
  ContainerId,
  KeyId,
  LoopName,
  PrincipalId,
} from "./types/ids.ts";
export { limits } from "./types/limits.ts";
export {
  AgentLimits,
  Grant,
  HttpMethod,
  IdlePolicy,
  LoopManifest,
  type LoopManifestInput,
  SecretDestination,
  SecretMode,
  SecretRequest,
  Workspace,
} from "./types/manifest.ts";
export type { MatrixMessage } from "./types/matrix-info.ts";
export type { Principal } from "./types/principal.ts";
export { Role, roles } from "./types/roles.ts";
export type { MethodScope } from "./types/scope.ts";
export { Secret, secretMark } from "./types/secret.ts";
