import { AgentId, BridgeError, type Principal, type Role } from "@armorclaw/protocol";
import { nearest } from "@armorclaw/protocol/nearest";
import { type GrantsOf, refusal } from "./admission.ts";
import type { Contract } from "./rights.ts";

export interface Explanation {
  readonly role: Role | null;
  readonly allowed: boolean;
  readonly reasons: string[];
}

type PersonRole = Exclude<Role, "agent">;

/** Where the rights of each kind of principal stand. */
export interface PrincipalSources {
  readonly contract: Contract;
  readonly ownUid: number;
  readonly grantsOf: GrantsOf;
  readonly loops: () => readonly string[];
  /** Whether an agent of that id lives. */
  readonly isLive: (agentId: string) => boolean;
  /** The principal of an API token, whether or not it has expired. */
  readonly token: (name: string) => Principal | undefined;
  readonly matrixRole: (userId: string) => PersonRole | undefined;
  /** The principal of an open connection. */
  readonly connected: (id: string) => Principal | undefined;
  /** The methods that people call in rooms. */
  readonly roomMethods: ReadonlySet<string>;
  readonly now: () => number;
}

interface Found {
  readonly principal?: Principal;
  /** What a person should know of it besides its role. */
  readonly reasons: readonly string[];
}

/**
 * Answers with the decision that a call of this principal would meet.
 * @param who a principal, or `loop:NAME` for any agent of a loop
 * @throws BridgeError METHOD_NOT_FOUND
 */
export function explainCall(sources: PrincipalSources, who: string, method: string): Explanation {
  const { contract, grantsOf, roomMethods } = sources;
  const spec = Object.hasOwn(contract, method) ? contract[method] : undefined;
  if (spec === undefined) {
    const near = nearest(method, Object.keys(contract));
    const hint = near === undefined ? "" : `; did you mean ${near}?`;
    throw new BridgeError("METHOD_NOT_FOUND", `No method is called ${method}${hint}`, { method });
  }
  const { principal, reasons } = find(sources, who);
  if (principal === undefined) return { role: null, allowed: false, reasons: [...reasons] };
  const { role } = principal;
  const steps = [`${who} has the role ${role}`, ...reasons];
  const admits = `${method} admits the roles ${spec.roles.join(", ")}`;
  if (!spec.roles.includes(role)) return { role, allowed: false, reasons: [...steps, `${admits}, not ${role}`] };
  const refused = hasExpired(principal, sources.now())
    ? `${who} expired at ${new Date(principal.expiresAtMs).toISOString()}`
    : principal.kind === "matrix" && !roomMethods.has(method)
      ? `No command of a room calls ${method}`
      : refusal(method, spec, principal, grantsOf)?.message;
  if (refused !== undefined) return { role, allowed: false, reasons: [...steps, admits, refused] };
  return { role, allowed: true, reasons: [...steps, admits, ...limitsInWords(principal)] };
}

function find(sources: PrincipalSources, who: string): Found {
  const [kind = "", name = ""] = [who.slice(0, who.indexOf(":")), who.slice(who.indexOf(":") + 1)];
  if (kind === "user") return user(sources, Number(name));
  if (kind === "loop") return agentOf(sources, `${name}-1`, name);
  if (kind === "agent") return agentOf(sources, name, name.replace(/-\d+$/, ""));
  if (kind === "token") return tokenOf(sources, who, name);
  if (kind !== "matrix") return unknown(`${who} makes no calls`);
  const role = sources.matrixRole(name);
  if (role === undefined)
    return unknown(`${who} has no role; \`matrix.users\` in the configuration or \`access assign\` gives one`);
  return { principal: { kind: "matrix", id: `matrix:${name}`, role }, reasons: [] };
}

const unknown = (reason: string): Found => ({ reasons: [reason] });

function user({ ownUid }: PrincipalSources, uid: number): Found {
  if (uid === ownUid || uid === 0)
    return { principal: { kind: "user", id: `user:${uid}`, uid, role: "admin" }, reasons: [] };
  return unknown(
    `user:${uid} has no role: the socket admits user:${ownUid} and user:0 alone. Give user:${uid} a token`,
  );
}

function agentOf({ loops, isLive }: PrincipalSources, agentId: string, loop: string): Found {
  if (!isLive(agentId) && !loops().includes(loop)) {
    const near = nearest(loop, loops());
    return unknown(`No loop is called ${loop}${near === undefined ? "" : `; did you mean ${near}?`}`);
  }
  const principal: Principal = {
    kind: "agent",
    id: `agent:${agentId}`,
    agentId: AgentId.parse(agentId),
    role: "agent",
  };
  return {
    principal,
    reasons: isLive(agentId) ? [] : [`No agent ${agentId} runs now; this is what it would be answered`],
  };
}

function tokenOf({ token, connected }: PrincipalSources, id: string, name: string): Found {
  const principal = token(name) ?? connected(id);
  if (principal !== undefined) return { principal, reasons: [] };
  return name.startsWith("jwt-")
    ? unknown(`The rights of a JWT stand in the JWT, and ${id} has no open connection`)
    : unknown(`No API token is named ${name}`);
}

const hasExpired = (principal: Principal, now: number): principal is Principal & { readonly expiresAtMs: number } =>
  "expiresAtMs" in principal && principal.expiresAtMs !== undefined && principal.expiresAtMs <= now;

function limitsInWords(principal: Principal): string[] {
  if (principal.kind !== "token" && principal.kind !== "matrix") return [];
  const { channels, agents } = principal;
  return [
    ...(channels === undefined ? [] : [`Only within the channels ${channels.join(", ") || "that it has: none"}`]),
    ...(agents === undefined ? [] : [`Only for the agents ${agents.join(", ") || "that it has: none"}`]),
  ];
}
