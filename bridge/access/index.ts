export { Access, type AccessDeps, type AgentDirectory } from "./access.ts";
export { accessMigrations } from "./migrations.ts";
export type { Contract } from "./rights.ts";
export type { Destination, Grant } from "./store.ts";
export { tokenPattern } from "./tokens.ts";
