import * as z from "zod";
import { defineMethod, jsonBytes } from "../types/define.ts";
import { ApprovalId, PrincipalId, Timestamp } from "../types/ids.ts";
import { limits } from "../types/limits.ts";
import { everyone, operators, people } from "../types/roles.ts";

export const ApprovalStatus = z.enum(["pending_approval", "approved", "denied", "expired", "used"]).meta({
  id: "ApprovalStatus",
  description: "pending_approval → approved → used, or denied, or expired.",
});
export type ApprovalStatus = z.output<typeof ApprovalStatus>;

export const Approval = z
  .object({
    approval_id: ApprovalId,
    status: ApprovalStatus,
    requester: PrincipalId,
    method: z.string().describe("The requested action."),
    request: z.string().describe("The whole request in canonical JSON. The approval is for exactly this request."),
    digest: z.string().describe("SHA-256 of requester, method and request."),
    reason: z.string().nullable().describe("The requester's explanation. It is not part of the approved request."),
    created_at: Timestamp,
    expires_at: Timestamp.describe("At this time an unanswered question is denied, and an unused approval is void."),
    decided_at: Timestamp.nullable(),
    decided_by: PrincipalId.nullable(),
    note: z.string().nullable().describe("The comment of the person who answered."),
  })
  .meta({ id: "Approval" });
export type Approval = z.output<typeof Approval>;

const digest = "9b0d5a6a1c6f0a3f1d7b5f7f5a3f0d4f1c2b3a49586776655443322110ffeedd";
const exampleApproval = {
  approval_id: "ap_2f4a9c01d3e5b7f8",
  status: "pending_approval" as const,
  requester: "agent:gmail-1",
  method: "http.request",
  request: '{"method":"POST","url":"https://api.example.org/send"}',
  digest,
  reason: null,
  created_at: "2026-11-21T08:00:00.000Z",
  expires_at: "2026-11-21T08:15:00.000Z",
  decided_at: null,
  decided_by: null,
  note: null,
};

const Answer = {
  approval_id: ApprovalId,
  digest: z.string().length(64).optional().describe("The digest that was shown. A different digest is refused."),
  note: z.string().max(500).optional(),
};

const request = defineMethod({
  summary: "Ask a person.",
  description:
    "Answers at once. Repeat the request to get its state; the event `approval.decided` on the caller's own channel reports the answer, too. " +
    "Use it for actions outside the bridge that a person must approve.",
  roles: ["agent"],
  effect: "write",
  params: z.strictObject({
    action: z.string().min(1).max(100).describe("The kind of action, e.g. mail.send."),
    details: z
      .record(z.string(), z.json())
      .refine(
        (details) => jsonBytes(details) <= limits.questionBytesMax,
        `Expected at most ${limits.questionBytesMax} bytes of JSON`,
      )
      .default({})
      .describe("The facts that the person needs for the answer."),
    reason: z.string().max(2_000).optional(),
  }),
  result: Approval,
  errors: ["APPROVAL_LIMIT", "STORE_FULL", "STORE_FAILED", "STORE_BUSY"],
  example: { params: { action: "mail.send", details: { to: "ann@example.org" } }, result: exampleApproval },
});

const get = defineMethod({
  summary: "Show one approval.",
  roles: everyone,
  effect: "read",
  scope: { channels: ["approval.>"] },
  params: z.strictObject({ approval_id: ApprovalId }),
  result: Approval,
  errors: ["APPROVAL_NOT_FOUND"],
  example: { params: { approval_id: "ap_2f4a9c01d3e5b7f8" }, result: exampleApproval },
});

const list = defineMethod({
  summary: "List the questions that wait for an answer.",
  roles: people,
  effect: "read",
  scope: { channels: ["approval.>"] },
  params: z.strictObject({ all: z.boolean().default(false).describe("Include answered questions, newest first.") }),
  result: z.object({
    approvals: z.array(
      Approval.extend({
        is_request_cut: z
          .boolean()
          .describe("Whether `request` is only the beginning, because it is long; approval.get has all of it."),
      }),
    ),
  }),
  errors: [],
  example: { params: {}, result: { approvals: [{ ...exampleApproval, is_request_cut: false }] } },
});

const approve = defineMethod({
  summary: "Approve exactly this request, once.",
  roles: operators,
  effect: "write",
  scope: { channels: ["approval.>"] },
  params: z.strictObject(Answer),
  result: Approval,
  errors: [
    "APPROVAL_NOT_FOUND",
    "APPROVAL_SETTLED",
    "APPROVAL_MISMATCH",
    "CONFIG_CHANGED",
    "STORE_FULL",
    "STORE_FAILED",
    "STORE_BUSY",
  ],
  example: {
    params: { approval_id: "ap_2f4a9c01d3e5b7f8" },
    result: {
      ...exampleApproval,
      status: "approved",
      decided_at: "2026-11-21T08:01:00.000Z",
      decided_by: "user:1000",
    },
  },
});

const deny = defineMethod({
  summary: "Deny a request.",
  roles: operators,
  effect: "write",
  scope: { channels: ["approval.>"] },
  params: z.strictObject(Answer),
  result: Approval,
  errors: ["APPROVAL_NOT_FOUND", "APPROVAL_SETTLED", "APPROVAL_MISMATCH", "STORE_FULL", "STORE_FAILED", "STORE_BUSY"],
  example: {
    params: { approval_id: "ap_2f4a9c01d3e5b7f8" },
    result: { ...exampleApproval, status: "denied", decided_at: "2026-11-21T08:01:00.000Z", decided_by: "user:1000" },
  },
});

/** Every method of this file, by its name. */
export const approvalMethods = {
  "approval.request": request,
  "approval.get": get,
  "approval.list": list,
  "approval.approve": approve,
  "approval.deny": deny,
} as const;
