import { BridgeError, canonicalJson, type MethodsOf } from "@armorclaw/protocol";
import type { Access } from "../access/index.ts";
import type { Approval, Approvals } from "../approvals/index.ts";
import type { Attachment, Attachments } from "../attachments/index.ts";
import type { Call, Handlers } from "../rpc/index.ts";
import { iso } from "./time.ts";

export function approvalHandlers(
  approvals: Approvals,
  attachments: Attachments,
  access: Access,
): Handlers<MethodsOf<"approval" | "config">> {
  const assertListed = ({ principal }: Call, name: string) => {
    if (!access.mayReadConfig(principal, name))
      throw new BridgeError("FORBIDDEN", `The loop of ${principal.id} does not list the configuration ${name}`);
  };
  return {
    "approval.request": async ({ action, details, reason }, { principal }) => {
      const request = canonicalJson({ action, details });
      return wireApproval(
        await approvals.request({ requester: principal.id, method: "approval.request", request }, reason),
      );
    },
    "approval.get": ({ approval_id }, { principal }) => {
      const approval = approvals.get(approval_id);
      // To an agent the questions of others do not exist.
      if (principal.kind === "agent" && approval.requester !== principal.id)
        throw new BridgeError("APPROVAL_NOT_FOUND");
      return wireApproval(approval);
    },
    "approval.list": ({ all }) => ({ approvals: approvals.list(all).map(listedApproval) }),
    "approval.approve": async ({ approval_id, digest, note }, { principal }) =>
      wireApproval(await approvals.answer("approved", { id: approval_id, by: principal.id, digest, note })),
    "approval.deny": async ({ approval_id, digest, note }, { principal }) =>
      wireApproval(await approvals.answer("denied", { id: approval_id, by: principal.id, digest, note })),
    "config.attach": async (draft, { principal }) => wireAttachment(await attachments.attach(draft, principal.id)),
    "config.list": () => {
      const configs = attachments.list().map(wireAttachment);
      return { configs, count: configs.length };
    },
    "config.get": ({ name, version }, call) => {
      assertListed(call, name);
      const { content, ...attachment } = attachments.get(name, version);
      return { ...wireAttachment(attachment), content };
    },
    "config.propose": async ({ reason, ...draft }, call) => {
      assertListed(call, draft.name);
      const question = { requester: call.principal.id, method: "config.propose", request: attachments.proposal(draft) };
      return wireApproval(await approvals.request(question, reason));
    },
  };
}

/** Requests in a list are cut, so that those of one agent cannot make the list too long to send. */
const listedRequestMax = 16_384;

function listedApproval(approval: Approval) {
  const { request, ...others } = wireApproval(approval);
  const isCut = request.length > listedRequestMax;
  return { ...others, request: isCut ? `${request.slice(0, listedRequestMax)}…` : request, is_request_cut: isCut };
}

const wireApproval = (approval: Approval) => ({
  approval_id: approval.id,
  status: approval.status,
  requester: approval.requester,
  method: approval.method,
  request: approval.request,
  digest: approval.digest,
  reason: approval.reason,
  created_at: iso(approval.createdAt),
  expires_at: iso(approval.expiresAt),
  decided_at: approval.decidedAt === null ? null : iso(approval.decidedAt),
  decided_by: approval.decidedBy,
  note: approval.note,
});

const wireAttachment = (one: Attachment) => ({
  config_id: `config-${one.name}-${one.version}`,
  name: one.name,
  path: `configs/${one.name}`,
  version: one.version,
  digest: one.digest,
  size: one.size,
  type: one.type,
  encoding: one.encoding,
  metadata: one.metadata,
  modified: iso(one.attachedAt),
  attached_by: one.attachedBy,
});
