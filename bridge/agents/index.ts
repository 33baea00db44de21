export type { Agent } from "./agent.ts";
export { type AgentMail, agentMail } from "./agent-mail.ts";
export { AgentSupervisor } from "./agents.ts";
export type { AgentEndpoints } from "./endpoints.ts";
export { type AgentRecords, agentsMigrations, StoredAgentRecords } from "./records.ts";
export type { SupervisorSettings } from "./supervisor-options.ts";
