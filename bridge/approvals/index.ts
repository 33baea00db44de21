export { type Answer, type ApprovalDeps, type ApprovalSettings, Approvals } from "./approvals.ts";
export { ruleFor } from "./policy.ts";
export { type Approval, approvalMigrations } from "./records.ts";
