export { anchorFile, anchorLog } from "./anchors.ts";
export { Audit, type AuditDeps, type PrivilegedAct } from "./audit.ts";
export { cefLine, jsonLine } from "./formats.ts";
export { auditPolicy } from "./interceptor.ts";
export { auditMigrations } from "./migrations.ts";
export type { AuditStanding } from "./standing.ts";
export type { Act } from "./store.ts";
