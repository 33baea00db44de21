export { anchorFile, anchorLog } from "./anchors.ts";
export { Audit, type AuditDeps, type PrivilegedAct } from "./audit.ts";
export { cefLine, jsonLine } from "./formats.ts";
export { type Act, auditMigrations } from "./records.ts";
