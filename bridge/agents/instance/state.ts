import { type AgentState, BridgeError } from "@armorclaw/protocol";

/** Every move that an agent may make. A restart begins again at `creating`; a stopped or failed agent may be started anew. */
const moves: Record<AgentState, readonly AgentState[]> = {
  requested: ["creating", "suspended", "stopped", "failed"],
  creating: ["starting", "backoff", "engine-unreachable", "draining", "failed"],
  starting: ["running", "backoff", "engine-unreachable", "draining", "failed"],
  running: ["paused", "suspended", "backoff", "draining", "stopped", "failed"],
  paused: ["running", "suspended", "backoff", "draining", "stopped", "failed"],
  suspended: ["creating", "running", "backoff", "draining", "stopped", "failed"],
  backoff: ["creating", "stopped"],
  "engine-unreachable": ["creating", "stopped"],
  draining: ["stopped"],
  stopped: ["requested"],
  failed: ["requested"],
};

export const mayMove = (from: AgentState, to: AgentState): boolean => moves[from].includes(to);

/** An agent that holds, or is about to hold, a container and a name. */
export const isLive = (state: AgentState): boolean => state !== "stopped" && state !== "failed";

/** An agent whose container runs, be it frozen. A suspended one may have none. */
export const isUp = (state: AgentState): boolean =>
  state === "running" || state === "paused" || state === "suspended" || state === "draining";

/** @throws BridgeError AGENT_STATE_CONFLICT for an agent that is live; one that is not known rests */
export function requireResting(agentId: string, state: AgentState = "stopped"): void {
  if (!isLive(state)) return;
  throw new BridgeError("AGENT_STATE_CONFLICT", `${agentId} is ${state}; stop it first`, { state });
}
