export { approvalEvents } from "./approval-events.ts";
export { type Answer, type ApprovalDeps, type ApprovalSettings, Approvals } from "./approvals.ts";
export { type Consent, consentFrom } from "./consent.ts";
export { ApprovalInterceptor } from "./interceptor.ts";
export { approvalMigrations } from "./migrations.ts";
export { type ApprovalRule, ruleFor } from "./policy.ts";
export type { Approval } from "./store.ts";
