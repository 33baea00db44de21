// The wire: a contract served over sockets. Other folders import this file and `call.ts`, where handlers' types are.
export { type AgentEndpointsOptions, createAgentEndpoints } from "./agent-endpoints.ts";
export { builtinHandlers, builtinMethods } from "./builtin.ts";
export { defaultRpcLimits, type RpcLimits } from "./limits.ts";
export { type ControlListenerOptions, createControlListener } from "./listener.ts";
export { type AnyHandler, createMethodTable, type MethodEntry, type MethodTable } from "./method-table.ts";
export { createRpcServer, type RpcServer, type RpcServerOptions, type RpcStats } from "./server.ts";
