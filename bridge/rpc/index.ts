// Serves a contract of JSON-RPC methods over sockets. It knows no domain of the bridge.
export type { AgentEndpoint, AgentEndpoints, EndpointGuard } from "./agent-endpoint.ts";
export { createAgentEndpoints, type RegisteredEndpoints, type SideSocket } from "./agent-endpoints.ts";
export { builtinHandlers, builtinMethods } from "./builtin.ts";
export type { Call, CallOf, Handlers, Peer, StreamingCall } from "./call.ts";
export { CallMetrics } from "./call-metrics.ts";
export type { CallPolicy, PolicedCall } from "./call-policy.ts";
export { Base64, itemBytes } from "./item-text.ts";
export { defaultRpcLimits, type RpcLimits } from "./limits.ts";
export { type ApiToken, ApiTokens, tokenMigrations } from "./listen/api-tokens.ts";
export { createAuthenticator } from "./listen/authenticator.ts";
export { createJwtVerifier } from "./listen/jwt.ts";
export { checkListener } from "./listen/listener-check.ts";
export { scopeRefusal } from "./listen/scope.ts";
export { createWebListener, type WebListener, type WebSite } from "./listen/web-listener.ts";
export { createWebListeners } from "./listen/web-listeners.ts";
export { type ControlListenerOptions, createControlListener } from "./listener.ts";
export type { LocalAnswer, LocalCaller } from "./local-caller.ts";
export { type AnyHandler, createMethodTable, type MethodEntry, type MethodTable } from "./method-table.ts";
export type { GaugeSource } from "./metrics-page.ts";
export { metricsPage } from "./metrics-page.ts";
export { configuredRates, defaultRates, type RateLimitOptions, RateLimits } from "./rate-limits.ts";
export {
  createRpcServer,
  type HttpPages,
  type RpcServer,
  type RpcServerOptions,
  type ServedMethods,
} from "./server.ts";
