import type { AnyMethod, Principal, Role } from "@armorclaw/protocol";
import { BridgeError } from "@armorclaw/protocol";
import { nearest } from "@armorclaw/protocol/nearest";
import { coversPattern } from "../events/index.ts";
import { channelsInReach } from "./scopes.ts";

export type Contract = Readonly<Record<string, AnyMethod>>;

/** Roles × methods, from the contract and nowhere else. */
export const methodsOf = (contract: Contract, role: Role): string[] =>
  Object.entries(contract).flatMap(([name, { roles }]) => (roles.includes(role) ? [name] : []));

/** What an agent's loop adds to its own channels. */
export interface LoopRights {
  readonly configs: readonly string[];
  readonly channels?: { readonly subscribe: readonly string[]; readonly publish: readonly string[] };
}

/**
 * People have every channel. An agent has its own and those of its loop, and may listen to what is said to all and for the
 * configurations that its loop lists.
 */
export function channelsOf(principal: Principal, loop: LoopRights | undefined, use: "publish" | "subscribe"): string[] {
  if (principal.kind !== "agent") return channelsInReach(principal);
  const own = [`agent.${principal.agentId}.>`, ...(loop?.channels?.[use] ?? [])];
  if (use === "publish") return own;
  // The name's own dots are segments of the channel.
  return [...own, "broadcast.>", ...(loop?.configs ?? []).map((name) => `config.${name}.attached`)];
}

/** Whether every channel that `pattern` matches is among `allowed`. */
export function coversChannel(allowed: readonly string[], pattern: string): boolean {
  return allowed.some((right) => coversPattern(right, pattern));
}

export interface Explanation {
  readonly role: Role | null;
  readonly allowed: boolean;
  readonly reasons: string[];
}

/** @throws BridgeError METHOD_NOT_FOUND */
export function explainMethod(contract: Contract, principal: string, role: Role | null, method: string): Explanation {
  const spec = Object.hasOwn(contract, method) ? contract[method] : undefined;
  if (spec === undefined) {
    const near = nearest(method, Object.keys(contract));
    const hint = near === undefined ? "" : `; did you mean ${near}?`;
    throw new BridgeError("METHOD_NOT_FOUND", `No method is called ${method}${hint}`, { method });
  }
  if (role === null)
    return { role, allowed: false, reasons: [`${principal} has no role; \`access assign\` gives one`] };
  const allowed = spec.roles.includes(role);
  const admits = `${method} admits the roles ${spec.roles.join(", ")}`;
  return { role, allowed, reasons: [`${principal} has the role ${role}`, allowed ? admits : `${admits}, not ${role}`] };
}
