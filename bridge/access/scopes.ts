import type { AnyMethod, Principal } from "@armorclaw/protocol";
import { BridgeError } from "@armorclaw/protocol/errors";
import { coversPattern } from "../events/index.ts";
import type { CallPolicy } from "../rpc/index.ts";

/** Methods about the caller's own connection, which every token may call. */
const always = /^rpc\.(?:ping|cancel|stream_credit|authenticate)$/;

type Limits = Pick<Extract<Principal, { kind: "token" | "matrix" }>, "methods" | "channels" | "agents">;

export const limitsOf = (principal: Principal): Limits =>
  principal.kind === "token" || principal.kind === "matrix" ? principal : {};

const channelsOfAgent = (agentId: string): string => `agent.${agentId}.>`;

/** Whether the principal's limits admit the method. */
export function reachesMethod(principal: Principal, method: string): boolean {
  const { methods } = limitsOf(principal);
  return methods === undefined || always.test(method) || methods.some((one) => coversMethod(one, method));
}

/** Whether a method's name, or `domain.*`, is among what `right` stands for. */
export function coversMethod(right: string, method: string): boolean {
  return right === method || (right.endsWith(".*") && method.startsWith(right.slice(0, -1)));
}

/** @returns why the principal's limits do not admit the method */
export function refusedMethod(name: string, principal: Principal): BridgeError | undefined {
  return reachesMethod(principal, name)
    ? undefined
    : new BridgeError("FORBIDDEN", `${principal.id} may not call ${name}`, { method: name });
}

/** The channels of a person or token: all, or those that it was limited to. */
export function channelsInReach(principal: Principal): string[] {
  const { channels, agents } = limitsOf(principal);
  return [...(channels ?? agents?.map(channelsOfAgent) ?? [">"])];
}

/** Whether the principal's limits admit every channel that the pattern matches. */
export function reachesChannel(principal: Principal, pattern: string): boolean {
  const { channels, agents } = limitsOf(principal);
  if (channels !== undefined && !channels.some((right) => coversPattern(right, pattern))) return false;
  if (agents === undefined) return true;
  // A token that is limited to agents has their channels alone, unless it was given others by name.
  const [first = ""] = pattern.split(".", 1);
  const isAboutAgents = channels === undefined || ["agent", "*", ">"].includes(first);
  return !isAboutAgents || agents.some((id) => coversPattern(channelsOfAgent(id), pattern));
}

/** Whether the principal's limits admit all that concerns the agent. */
export function reachesAgent(principal: Principal, agentId: string): boolean {
  const { channels, agents } = limitsOf(principal);
  if (agents !== undefined && !agents.some((id) => id === agentId)) return false;
  return channels === undefined || channels.some((right) => coversPattern(right, channelsOfAgent(agentId)));
}

/** A role has no limits, so a token that has some cannot give one. @throws BridgeError FORBIDDEN */
export function assertUnlimited(principal: Principal): void {
  const { methods, channels, agents } = limitsOf(principal);
  if (methods !== undefined || channels !== undefined || agents !== undefined)
    throw new BridgeError("FORBIDDEN", `${principal.id} is limited and may not give rights that have no limits`);
}

/** Enforces the limits of tokens for every method, as each method's `scope` declares them; what is not declared is refused. */
export const scopePolicy = {
  authorize: ({ name }, principal) => refusedMethod(name, principal),
  intercept: ({ entry, principal }, params, handle) => {
    const { channels, agents } = limitsOf(principal);
    if ((channels === undefined && agents === undefined) || always.test(entry.name)) return handle();
    assertInScope(entry.name, entry.spec, principal, params as Readonly<Record<string, unknown>>);
    const result = handle();
    return result instanceof Promise
      ? result.then((value: unknown) => within(entry.spec, principal, value))
      : within(entry.spec, principal, result);
  },
} satisfies CallPolicy;

/** @throws BridgeError FORBIDDEN */
function assertInScope(
  name: string,
  { scope }: AnyMethod,
  principal: Principal,
  params: Readonly<Record<string, unknown>>,
): void {
  if (scope === "open" || (scope !== undefined && "rows" in scope)) return;
  if (scope === undefined)
    throw new BridgeError("FORBIDDEN", `${name} reaches beyond the channels and agents of ${principal.id}`, {
      method: name,
    });
  if ("agentParam" in scope) {
    const agentId = params[scope.agentParam];
    if (typeof agentId === "string" && reachesAgent(principal, agentId)) return;
    const what =
      typeof agentId === "string" ? `may not reach ${agentId}` : `has to name an agent by ${scope.agentParam}`;
    throw new BridgeError("FORBIDDEN", `${principal.id} ${what}`, { method: name });
  }
  const asked = "channels" in scope ? scope.channels : [params[scope.channelParam]].flat();
  const beyond = asked.find((pattern) => typeof pattern !== "string" || !reachesChannel(principal, pattern));
  if (beyond === undefined && asked.length > 0) return;
  throw new BridgeError("FORBIDDEN", `${principal.id} may not use the channel ${String(beyond)}`, {
    channel: String(beyond),
  });
}

/** Leaves out the rows of a result that the principal does not reach. */
function within({ scope }: AnyMethod, principal: Principal, result: unknown): unknown {
  if (scope === undefined || scope === "open" || !("rows" in scope)) return result;
  const whole = result as Readonly<Record<string, unknown>>;
  const rows = whole[scope.rows] as readonly unknown[];
  const isReached = (row: unknown) => {
    const value = valueAt(row, "agent" in scope ? scope.agent : scope.channel);
    if (typeof value !== "string") return false;
    return "agent" in scope ? reachesAgent(principal, value) : reachesChannel(principal, value);
  };
  return { ...whole, [scope.rows]: rows.filter(isReached) };
}

/** The value at a dotted path. */
const valueAt = (row: unknown, path: string): unknown =>
  path.split(".").reduce((value: unknown, key) => (value as Readonly<Record<string, unknown>> | null)?.[key], row);

/** @throws BridgeError FORBIDDEN when the principal's limits do not admit the method, whose facts `page` shows, too */
export function assertReaches(principal: Principal, method: string, page: string): void {
  if (reachesMethod(principal, method)) return;
  throw new BridgeError("FORBIDDEN", `${page} is for tokens that may call ${method}`);
}
