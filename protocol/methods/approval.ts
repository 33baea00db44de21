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
    method: z.string().describe("What is asked to be done."),
    request: z.string().describe("The whole request in canonical JSON: what is approved is exactly this."),
    digest: z.string().describe("SHA-256 of requester, method and request."),
    reason: z.string().nullable().describe("What the requester says of it. Not part of what is approved."),
    created_at: Timestamp,
    expires_at: Timestamp.describe("Unanswered by then, it is denied; unused by then, it is void."),
    decided_at: Timestamp.nullable(),
    decided_by: PrincipalId.nullable(),
    note: z.string().nullable().describe("What the person who answered says."),
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
  digest: z.string().length(64).optional().describe("The digest that was shown; another one is refused."),
  note: z.string().max(500).optional(),
};

const request = defineMethod({
  summary: "Ask a person.",
  description:
    "Answers at once. The same request again tells how it stands; the event `approval.decided` on its own channel tells it too. " +
    "For what a person has to allow and the bridge does not do itself.",
  roles: ["agent"],
  effect: "write",
  params: z.strictObject({
    action: z.string().min(1).max(100).describe("What it is about, e.g. mail.send."),
    details: z
      .record(z.string(), z.json())
      .refine(
        (details) => jsonBytes(details) <= limits.questionBytesMax,
        `Expected at most ${limits.questionBytesMax} bytes of JSON`,
      )
      .default({})
      .describe("Everything that the person needs to know."),
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
  summary: "List what waits for an answer.",
  roles: people,
  effect: "read",
  scope: { channels: ["approval.>"] },
  params: z.strictObject({ all: z.boolean().default(false).describe("Those that were answered too, newest first.") }),
  result: z.object({ approvals: z.array(Approval) }),
  errors: [],
  example: { params: {}, result: { approvals: [exampleApproval] } },
});

const approve = defineMethod({
  summary: "Allow exactly this request, once.",
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
  summary: "Refuse a request.",
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
