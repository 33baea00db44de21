import { type AgentId, BridgeError, type MethodName } from "@armorclaw/protocol";
import type { CallPolicy } from "../rpc/index.ts";

/** Methods by which an agent makes the bridge publish or store something. Each call takes from the agent's quota. */
const charged: ReadonlySet<string> = new Set<MethodName>([
  "agent.report",
  "agent.send",
  "approval.request",
  "budget.topup",
  "config.propose",
  "event.publish",
  "event.subscribe",
  "matrix.send",
  "task.create",
  "task.update",
]);

export interface MeteredAgents {
  /** Takes one event of that many bytes from the agent's quota. @returns false when the quota is used up */
  takeEventQuota(agentId: AgentId, bytes: number): boolean;
}

type Intercept = NonNullable<CallPolicy["intercept"]>;

/** Refuses a call by which an agent would publish or store more than its quota allows, before anything else is done for the call. */
export function chargeAgents(agents: MeteredAgents, next: Intercept): Intercept {
  return (call, params, handle) => {
    const { principal, entry } = call;
    if (principal.kind === "agent" && charged.has(entry.name)) {
      const bytes = Buffer.byteLength(JSON.stringify(params));
      if (!agents.takeEventQuota(principal.agentId, bytes))
        throw new BridgeError("RATE_LIMITED", `${principal.agentId} publishes and stores more than its quota allows`, {
          retry_after_ms: 1_000,
        });
    }
    return next(call, params, handle);
  };
}
