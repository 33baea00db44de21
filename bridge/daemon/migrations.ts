import { accessMigrations, tokenMigrations } from "../access/index.ts";
import { matrixMigrations } from "../adapters/matrix/index.ts";
import { webrtcMigrations } from "../adapters/webrtc/index.ts";
import { agentsMigrations } from "../agents/index.ts";
import { alertsMigrations } from "../alerts/index.ts";
import { approvalMigrations } from "../approvals/index.ts";
import { attachmentMigrations } from "../attachments/index.ts";
import { auditMigrations } from "../audit/index.ts";
import { budgetMigrations } from "../budget/index.ts";
import { eventsMigrations } from "../events/index.ts";
import { keystoreMigrations } from "../keystore/index.ts";
import { outboxMigrations } from "../outbox/index.ts";
import { tasksMigrations } from "../tasks/index.ts";

/** Every domain's tables. */
export const migrations = [
  ...agentsMigrations,
  ...eventsMigrations,
  ...outboxMigrations,
  ...tasksMigrations,
  ...alertsMigrations,
  ...keystoreMigrations,
  ...auditMigrations,
  ...approvalMigrations,
  ...accessMigrations,
  ...attachmentMigrations,
  ...budgetMigrations,
  ...tokenMigrations,
  ...matrixMigrations,
  ...webrtcMigrations,
];
