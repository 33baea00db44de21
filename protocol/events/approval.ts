import * as z from "zod";
import { defineEvent } from "../types/define.ts";
import { AgentId, ApprovalId, PrincipalId, Timestamp } from "../types/ids.ts";

const which = { agent_id: AgentId, approval_id: ApprovalId, method: z.string() };
const exampleWhich = { agent_id: "gmail-1", approval_id: "ap_2f4a9c01d3e5b7f8", method: "http.request" };

const requested = defineEvent({
  summary: "An agent waits for a person's answer.",
  channel: "agent.<agent_id>.approval_requested",
  priority: "high",
  data: z.object({
    ...which,
    request: z.string(),
    digest: z.string(),
    reason: z.string().nullable(),
    expires_at: Timestamp,
  }),
  example: {
    ...exampleWhich,
    request: '{"method":"POST"}',
    digest: "9b0d5a6a1c6f0a3f1d7b5f7f5a3f0d4f1c2b3a49586776655443322110ffeedd",
    reason: null,
    expires_at: "2026-11-21T08:15:00.000Z",
  },
});

const decided = defineEvent({
  summary: "A question of an agent was answered, or nobody answered it in time.",
  channel: "agent.<agent_id>.approval_decided",
  priority: "high",
  data: z.object({
    ...which,
    status: z.enum(["approved", "denied", "expired", "used"]),
    decided_by: PrincipalId.nullable(),
  }),
  example: { ...exampleWhich, status: "approved", decided_by: "user:1000" },
});

/** Every event of this file, by its type. */
export const approvalEvents = {
  "approval.requested": requested,
  "approval.decided": decided,
} as const;
