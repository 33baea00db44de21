export { type Answer, type ApprovalDeps, type ApprovalSettings, Approvals } from "./approvals.ts";
export { approvalMigrations } from "./migrations.ts";
export { ruleFor } from "./policy.ts";
export type { Approval } from "./store.ts";
