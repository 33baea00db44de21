import { accessMigrations } from "./access/access.ts";
import { matrixMigrations } from "./adapters/matrix/matrix.ts";
import { webrtcMigrations } from "./adapters/webrtc/webrtc.ts";
import { agentsMigrations } from "./agents/agents.ts";
import { alertsMigrations } from "./alerts/alerts.ts";
import { approvalMigrations } from "./approvals/approvals.ts";
import { attachmentMigrations } from "./attachments/attachments.ts";
import { auditMigrations } from "./audit/audit.ts";
import { budgetMigrations } from "./budget/budget.ts";
import { eventsMigrations } from "./events/events.ts";
import { keystoreMigrations } from "./keystore/keystore.ts";
import { outboxMigrations } from "./outbox/outbox.ts";
import { tokenMigrations } from "./rpc/rpc.ts";
import { tasksMigrations } from "./tasks/tasks.ts";

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
