// The wire: a contract served over sockets. Other folders import this file and `call.ts`, where handlers' types are.
export { createAgentEndpoints, type SideDoor } from "./agent-endpoints.ts";
export { builtinHandlers, builtinMethods } from "./builtin.ts";
export { CallMetrics } from "./call-metrics.ts";
export { type DirectCalls, directCalls } from "./direct-call.ts";
export { ApiTokens, tokenMigrations } from "./doors/api-tokens.ts";
export { createAuthenticator } from "./doors/authenticator.ts";
export { knockAtDoor } from "./doors/door-check.ts";
export { createJwtVerifier } from "./doors/jwt.ts";
export { scopeRefusal } from "./doors/scope.ts";
export { createWebDoor, type WebDoor, type WebSite } from "./doors/web-door.ts";
export { defaultRpcLimits, type RpcLimits } from "./limits.ts";
export { type ControlListenerOptions, createControlListener } from "./listener.ts";
export { type AnyHandler, createMethodTable, type MethodEntry, type MethodTable } from "./method-table.ts";
export type { GaugeSource } from "./metrics-page.ts";
export { metricsPage } from "./metrics-page.ts";
export { defaultRates, type RateLimitOptions, RateLimits } from "./rate-limits.ts";
export { createRpcServer, type RpcServer, type RpcServerOptions } from "./server.ts";
