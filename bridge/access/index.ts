export { Access, type AccessDeps } from "./access.ts";
export { chargeAgents, type MeteredAgents } from "./agent-quota.ts";
export { type ApiToken, ApiTokens, tokenMigrations } from "./api-tokens.ts";
export { EventRights, type PublishingAgents } from "./event-rights.ts";
export { accessMigrations } from "./migrations.ts";
export type { Contract } from "./rights.ts";
export { assertUnlimited, reachesMethod, scopePolicy } from "./scopes.ts";
export type { Destination, Grant } from "./store.ts";
export { tokenPattern } from "./tokens.ts";
