import type { AnyMethod, Grant, Principal } from "@armorclaw/protocol";
import { BridgeError } from "@armorclaw/protocol/errors";
import { type CallPolicy, refusedRole } from "../rpc/index.ts";
import { limitsOf, refusedMethod } from "./scopes.ts";

/** The grants of a loop's manifest, as the configuration left them. */
export type GrantsOf = (agentId: string) => readonly Grant[];

/**
 * Whether the principal may call the method at all, whatever its params are. The same function admits calls and explains them.
 * @returns why not
 */
export function refusal(
  name: string,
  spec: AnyMethod,
  principal: Principal,
  grantsOf: GrantsOf,
): BridgeError | undefined {
  return (
    refusedRole(name, spec.roles, principal.role) ??
    refusedPlace(name, spec, principal) ??
    refusedMethod(name, principal) ??
    refusedGrant(name, spec, principal, grantsOf) ??
    refusedLimits(name, spec, principal)
  );
}

/** The policy that enforces `refusal`. */
export const admissionPolicy = (grantsOf: GrantsOf) =>
  ({
    authorize: ({ name, spec }, principal) => refusal(name, spec, principal, grantsOf),
  }) satisfies CallPolicy;

function refusedPlace(name: string, { atOwnSocket }: AnyMethod, { kind, id }: Principal): BridgeError | undefined {
  if (atOwnSocket !== true || kind === "user") return undefined;
  return new BridgeError(
    "FORBIDDEN",
    `${name} is for the bridge's own socket alone, and ${id} does not come in by it`,
    {
      method: name,
    },
  );
}

function refusedGrant(
  name: string,
  { grant }: AnyMethod,
  principal: Principal,
  grantsOf: GrantsOf,
): BridgeError | undefined {
  if (grant === undefined || principal.kind !== "agent" || grantsOf(principal.agentId).includes(grant))
    return undefined;
  return new BridgeError("FORBIDDEN", `${principal.agentId} does not hold the grant ${grant}, which ${name} needs`, {
    grant,
  });
}

/** A principal with limits may call only methods that declare what they are about. */
function refusedLimits(name: string, { scope }: AnyMethod, principal: Principal): BridgeError | undefined {
  const { channels, agents } = limitsOf(principal);
  if (scope !== undefined || (channels === undefined && agents === undefined) || name.startsWith("rpc."))
    return undefined;
  return new BridgeError("FORBIDDEN", `${name} reaches beyond the channels and agents of ${principal.id}`, {
    method: name,
  });
}
