import type { AnyMethod, Principal, Role } from "@armorclaw/protocol";
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
