export type {
  AgentActivity,
  AgentInfo,
  AgentState,
  AgentUsage,
  ExitInfo,
  LogLine,
  UsageSample,
} from "./agent-info.ts";
export { agentStates } from "./agent-info.ts";
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
export type { AnyEvent, AnyMethod, EventSpec, MethodSpec, Priority } from "./define.ts";
export { BridgeError, type ErrorCode, type ErrorSpec, errorCatalogue, type WireError } from "./errors.ts";
export { AgentId, Channel, ChannelPattern, ConfigName, ContainerId, KeyId, LoopName, PrincipalId } from "./ids.ts";
export { limits } from "./limits.ts";
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
} from "./manifest.ts";
export type { MatrixMessage } from "./matrix-info.ts";
export type { DoctorCheck, EngineStatus, Isolation } from "./methods/bridge.ts";
export { BudgetDimension } from "./methods/budget.ts";
export type { EventEnvelope } from "./methods/event.ts";
export type { HostInfo } from "./methods/system.ts";
export type { TokenInfo } from "./methods/token.ts";
export type { CallEndReason, CallState } from "./methods/webrtc.ts";
export type { Principal } from "./principal.ts";
export { Role, roles } from "./roles.ts";
export type { MethodScope } from "./scope.ts";
export { Secret, secretMark } from "./secret.ts";
