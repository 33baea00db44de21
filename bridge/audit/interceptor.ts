import type { MethodName, Principal } from "@armorclaw/protocol";
import type { CallPolicy, PolicedCall } from "../rpc/index.ts";
import type { Audit } from "./audit.ts";

/** Opens the keystore, which holds the audit chain's key: its record can be written only after it. */
const unlocking: MethodName = "keystore.unlock";

/** @returns what has to resolve before the call may run; undefined for a call that needs nothing */
type Precondition = (principal: Principal, method: string, params: unknown) => (() => Promise<void>) | undefined;

/** Records calls, and the refusals of calls, in the audit chain. The record comes first, then the precondition, then the handler. */
export function auditPolicy(
  audit: Audit,
  precondition: Precondition,
): {
  readonly intercept: NonNullable<CallPolicy["intercept"]>;
  readonly onDenied: NonNullable<CallPolicy["onDenied"]>;
} {
  return {
    intercept: ({ entry, principal, correlationId }, params, handle) => {
      const wait = precondition(principal, entry.name, params);
      const checked = wait === undefined ? handle : () => wait().then(handle);
      if (!isRecorded(entry, principal)) return checked();
      const act = { principal: principal.id, method: entry.name, params, correlationId };
      return entry.name === unlocking && !audit.isReady ? audit.recordAfter(act, checked) : audit.record(act, checked);
    },
    // The record of an admitted call says already that its handler refused it.
    onDenied: ({ entry, principal, correlationId, isAdmitted }) => {
      if (!(isAdmitted && isRecorded(entry, principal))) audit.refused(principal.id, entry.name, correlationId);
    },
  };
}

const isRecorded = ({ spec, isWrite }: PolicedCall["entry"], principal: Principal): boolean =>
  spec.audited ?? (isWrite && principal.kind !== "agent");
