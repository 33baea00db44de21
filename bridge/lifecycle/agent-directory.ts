import type { AgentId, LoopManifest, Principal } from "@armorclaw/protocol";

/** The present start of an agent. */
export interface LiveAgent {
  readonly agentId: AgentId;
  readonly loop: string;
  readonly epoch: number;
}

/** The agents and their loops, as every other domain sees them. */
export interface AgentDirectory {
  /** Undefined when no agent of that id lives. */
  find(agentId: string): LiveAgent | undefined;
  /** The loop of a live agent; undefined when no agent of that id lives. */
  loopOf(agentId: string): string | undefined;
  /** The ids of a loop's live agents. */
  running(loop: string): readonly AgentId[];
  /** @throws BridgeError LOOP_NOT_FOUND */
  manifest(loop: string): LoopManifest;
  manifests(): readonly LoopManifest[];
  /** @throws BridgeError AGENT_NOT_FOUND */
  capabilitiesOf(agentId: string): readonly string[];
  /** The live agents that have the capability. */
  withCapability(capability: string): readonly AgentId[];
  /** @throws BridgeError AGENT_NOT_FOUND, FORBIDDEN */
  assertMaySend(from: Principal, toAgentId: string): void;
  /** An agent gives work to a capability only when it may send to every loop that has it. @throws BridgeError FORBIDDEN */
  assertMaySendToCapable(from: Principal, capability: string): void;
  /** Pauses the agent. An agent that does not live needs no pause. */
  freeze(agentId: string, reason: string): Promise<void>;
  /** Resumes the agent. */
  thaw(agentId: string): Promise<void>;
  stop(agentId: string, reason: string): Promise<void>;
}
