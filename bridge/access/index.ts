export { Access, type AccessDeps, type AgentDirectory } from "./access.ts";
export { accessMigrations, type Destination, type Grant } from "./records.ts";
export type { Contract } from "./rights.ts";
export { tokenPattern } from "./tokens.ts";
