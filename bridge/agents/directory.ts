import { type AgentId, BridgeError, type LoopManifest, type Principal } from "@armorclaw/protocol";
import type { AgentDirectory, LiveAgent } from "../lifecycle/index.ts";

/** Time between SIGTERM and SIGKILL for an agent that another domain stops. */
const stopGraceMs = 5_000;

/** The part of the supervisor that the directory reads. */
interface Supervised {
  readonly live: readonly {
    readonly plan: { readonly agentId: AgentId; readonly manifest: LoopManifest };
    readonly snapshot: { readonly epoch: number };
    pause(): Promise<void>;
    resume(): Promise<void>;
    stop(graceMs: number): Promise<void>;
  }[];
  manifest(loop: string): { readonly manifest: LoopManifest };
  manifests(): readonly { readonly manifest: LoopManifest }[];
}

/** The supervisor's agents, for the domains that look agents up. */
export class SupervisorDirectory implements AgentDirectory {
  readonly #supervisor: Supervised;

  constructor(supervisor: Supervised) {
    this.#supervisor = supervisor;
  }

  find(agentId: string): LiveAgent | undefined {
    const agent = this.#live(agentId);
    if (agent === undefined) return undefined;
    return { agentId: agent.plan.agentId, loop: agent.plan.manifest.name, epoch: agent.snapshot.epoch };
  }

  loopOf(agentId: string): string | undefined {
    return this.#live(agentId)?.plan.manifest.name;
  }

  running(loop: string): readonly AgentId[] {
    return this.#supervisor.live.flatMap(({ plan }) => (plan.manifest.name === loop ? [plan.agentId] : []));
  }

  manifest(loop: string): LoopManifest {
    return this.#supervisor.manifest(loop).manifest;
  }

  manifests(): readonly LoopManifest[] {
    return this.#supervisor.manifests().map(({ manifest }) => manifest);
  }

  capabilitiesOf(agentId: string): readonly string[] {
    return this.#manifestOf(agentId).capabilities;
  }

  withCapability(capability: string): readonly AgentId[] {
    return this.#capable(capability).flatMap(({ name }) => this.running(name));
  }

  assertMaySend(from: Principal, toAgentId: string): void {
    const { name } = this.#manifestOf(toAgentId);
    if (this.#mayReach(from, name)) return;
    throw new BridgeError("FORBIDDEN", `${from.id} may not send to agents of the loop ${name}`, { loop: name });
  }

  assertMaySendToCapable(from: Principal, capability: string): void {
    for (const { name } of this.#capable(capability)) {
      if (this.#mayReach(from, name)) continue;
      throw new BridgeError("FORBIDDEN", `${from.id} may not give work to agents of the loop ${name}`, { loop: name });
    }
  }

  async freeze(agentId: string): Promise<void> {
    await this.#live(agentId)?.pause();
  }

  async thaw(agentId: string): Promise<void> {
    await this.#live(agentId)?.resume();
  }

  async stop(agentId: string): Promise<void> {
    await this.#live(agentId)?.stop(stopGraceMs);
  }

  #live(agentId: string): Supervised["live"][number] | undefined {
    return this.#supervisor.live.find(({ plan }) => plan.agentId === agentId);
  }

  #manifestOf(agentId: string): LoopManifest {
    const agent = this.#live(agentId);
    if (agent !== undefined) return this.manifest(agent.plan.manifest.name);
    throw new BridgeError("AGENT_NOT_FOUND", `No agent called ${agentId} runs`, { agent_id: agentId });
  }

  #capable(capability: string): readonly LoopManifest[] {
    return this.manifests().filter(({ capabilities }) => (capabilities as readonly string[]).includes(capability));
  }

  /** People write to every agent, an agent to the agents of the loops that its manifest names. */
  #mayReach(from: Principal, loop: string): boolean {
    return from.kind !== "agent" || (this.#manifestOf(from.agentId).sends_to as readonly string[]).includes(loop);
  }
}
