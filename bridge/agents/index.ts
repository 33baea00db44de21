export type { AgentEndpoints } from "../rpc/index.ts";
export { AgentSupervisor } from "./fleet/supervisor.ts";
export type { SupervisorSettings } from "./fleet/supervisor-options.ts";
export type { AgentUsageReading, UsageReading } from "./fleet/usage-meter.ts";
export type { Agent } from "./instance/agent.ts";
export { type AgentInbox, agentInbox } from "./instance/agent-inbox.ts";
export type { AgentSnapshot } from "./instance/agent-status.ts";
export { agentsMigrations } from "./instance/migrations.ts";
export { type AgentRecords, AgentStore } from "./instance/store.ts";
