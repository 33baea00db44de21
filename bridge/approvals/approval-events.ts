import type { PublishEvent } from "../events/index.ts";
import type { ApprovalDeps } from "./approvals.ts";
import type { Approval } from "./store.ts";

/** Publishes an event for each question and for how each question ended. */
export function approvalEvents(publish: PublishEvent): Pick<ApprovalDeps, "onRequested" | "onDecided"> {
  return {
    onRequested: (approval) => {
      const { request, digest, reason, expiresAt } = approval;
      const expires_at = new Date(expiresAt).toISOString();
      publish("approval.requested", "bridge", { ...subjectOf(approval), request, digest, reason, expires_at });
    },
    onDecided: (approval) => {
      const { status, decidedBy } = approval;
      if (status === "pending_approval") return;
      publish("approval.decided", "bridge", { ...subjectOf(approval), status, decided_by: decidedBy });
    },
  };
}

const subjectOf = ({ id, method, requester }: Approval) => ({
  agent_id: requester.slice("agent:".length),
  approval_id: id,
  method,
});
