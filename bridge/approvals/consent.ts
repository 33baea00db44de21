import { randomUUID } from "node:crypto";
import { canonicalJson } from "@armorclaw/protocol";
import type { Approvals } from "./approvals.ts";

export interface Consent {
  readonly approvalId: string;
  readonly approvedBy: string;
}

/** Asks for a person's decision on an exact request. A person who makes the request has decided; an agent has not. */
export function consentFrom(approvals: Approvals) {
  return {
    /** @throws BridgeError APPROVAL_PENDING, APPROVAL_DENIED, APPROVAL_LIMIT */
    async ask(method: string, request: Readonly<Record<string, string | number>>, askedBy: string): Promise<Consent> {
      if (!askedBy.startsWith("agent:")) return { approvalId: randomUUID(), approvedBy: askedBy };
      const question = { requester: askedBy, method, request: canonicalJson(request) };
      const { id, decidedBy } = await approvals.request(question);
      await approvals.demand(question);
      return { approvalId: id, approvedBy: decidedBy ?? askedBy };
    },
  };
}
