// Serves a contract of JSON-RPC methods over sockets. It knows no domain of the bridge.

export { builtinHandlers, builtinMethods } from "./dispatch/builtin.ts";
export type { Call, CallOf, Handlers, Peer, StreamingCall } from "./dispatch/call.ts";
export type { CallPolicy, PolicedCall } from "./dispatch/call-policy.ts";
export type { LocalAnswer, LocalCaller } from "./dispatch/local-caller.ts";
export {
  type AnyHandler,
  createMethodTable,
  type MethodEntry,
  type MethodTable,
  refusedRole,
} from "./dispatch/method-table.ts";
export type { AgentEndpoint, AgentEndpoints, EndpointGuard } from "./listen/agent-endpoint.ts";
export { createAgentEndpoints, type RegisteredEndpoints, type SideSocket } from "./listen/agent-endpoints.ts";
export { type ControlListenerOptions, createControlListener } from "./listen/listener.ts";
export { CallMetrics } from "./policy/call-metrics.ts";
export type { GaugeSource } from "./policy/metrics-page.ts";
export { metricsPage } from "./policy/metrics-page.ts";
export { configuredRates, defaultRates, type RateLimitOptions, RateLimits } from "./policy/rate-limits.ts";
export { defaultRpcLimits, type RpcLimits } from "./ports/limits.ts";
export {
  createRpcServer,
  type HttpPages,
  type RpcServer,
  type RpcServerOptions,
  type ServedMethods,
} from "./server/server.ts";
export { type Authenticator, createAuthenticator, type TokenVerifier, type VerifyJwt } from "./web/authenticator.ts";
export { createJwtVerifier } from "./web/jwt.ts";
export { checkListener } from "./web/listener-check.ts";
export { createWebListener, type WebListener, type WebSite } from "./web/web-listener.ts";
export { createWebListeners } from "./web/web-listeners.ts";
export { Base64, itemBytes } from "./wire/item-text.ts";
export { structureFault } from "./wire/structure.ts";
