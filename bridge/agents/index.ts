export type { AgentEndpoints } from "../rpc/index.ts";
export { AgentSupervisor } from "./fleet/supervisor.ts";
export type { SupervisorSettings } from "./fleet/supervisor-options.ts";
export type { Agent } from "./instance/agent.ts";
export { type AgentMail, agentMail } from "./instance/agent-inbox.ts";
export { type AgentRecords, agentsMigrations, StoredAgentRecords } from "./instance/records.ts";
