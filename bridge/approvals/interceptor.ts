import { canonicalJson, type Principal } from "@armorclaw/protocol";
import type { AgentDirectory } from "../lifecycle/index.ts";
import type { Approvals } from "./approvals.ts";
import { type ApprovalRule, ruleFor } from "./policy.ts";

export interface ApprovalInterceptorDeps {
  readonly approvals: Pick<Approvals, "demand">;
  readonly agents: Pick<AgentDirectory, "loopOf">;
  /** Replaces the secret tokens of an agent in a text by the names of the secrets. */
  readonly withoutTokens: (text: string, agentId: string) => string;
}

/** Finds the calls of agents that need a person's approval, and asks for it. */
export class ApprovalInterceptor {
  readonly #deps: ApprovalInterceptorDeps;
  readonly #rules: readonly ApprovalRule[];

  constructor(deps: ApprovalInterceptorDeps, rules: readonly ApprovalRule[]) {
    this.#deps = deps;
    this.#rules = rules;
  }

  /** Whether some calls of the method need an approval when this principal makes them. */
  mayNeedApproval(principal: string, method: string): boolean {
    const [, kind, name = ""] = /^(agent|loop):(.+)$/.exec(principal) ?? [];
    if (kind === undefined) return false;
    const loop = kind === "loop" ? name : (this.#deps.agents.loopOf(name) ?? name.replace(/-\d+$/, ""));
    return this.#rules.some((rule) => rule.method === method && (rule.loops?.includes(loop) ?? true));
  }

  /** @returns what has to resolve before the call may run; undefined for a call that needs no approval */
  intercept(principal: Principal, method: string, params: unknown): (() => Promise<void>) | undefined {
    if (principal.kind !== "agent" || this.#rules.length === 0) return undefined;
    const { approvals, agents, withoutTokens } = this.#deps;
    const { agentId } = principal;
    const rule = ruleFor(this.#rules, { loop: agents.loopOf(agentId) ?? "", method, params });
    if (rule === undefined) return undefined;
    return async () => {
      // A token changes with each start of the agent. A person decides about the secret that the token stands for.
      const request = withoutTokens(canonicalJson(params), agentId);
      await approvals.demand({ requester: principal.id, method, request }, rule.answerers);
    };
  }
}
