import {
  AgentId,
  type AgentInfo,
  type AgentUsage,
  BridgeError,
  type ContainerId,
  type Grant,
  LoopManifest,
  type LoopManifestInput,
} from "@armorclaw/protocol";
import { nearest } from "@armorclaw/protocol/nearest";
import type { Engine } from "../containers/containers.ts";
import type { PublishEvent } from "../events/events.ts";
import type { Service } from "../lifecycle/lifecycle.ts";
import type { Logger } from "../logging/logging.ts";
import type { Clock } from "../platform/clock.ts";
import { Agent } from "./agent.ts";
import type { AgentEndpoints } from "./endpoints.ts";
import type { AgentPlan } from "./plan.ts";
import { RestartPolicy, type RestartSettings } from "./restart-policy.ts";
import { isLive } from "./state.ts";
import { UsageMeter } from "./usage-meter.ts";

export type { Agent } from "./agent.ts";
export type { AgentEndpoint, AgentEndpoints } from "./endpoints.ts";

/** Stopped and failed agents that are remembered for `agent.list` and their logs. */
const restingAgentsMax = 100;
/** Time for the engine to list and remove what an earlier bridge left. */
const sweepDeadlineMs = 60_000;

export interface SupervisorSettings {
  /** Loops started with the bridge. */
  readonly start: readonly string[];
  readonly agentsMax: number;
  readonly helloDeadlineMs: number;
  readonly stopGraceMs: number;
  readonly logBytesMax: number;
  readonly restart: RestartSettings;
  /** What the operator changed of loops' manifests. */
  readonly loops: Readonly<
    Record<string, { limits?: object | undefined; grants?: readonly Grant[] | undefined } | undefined>
  >;
}

export interface SupervisorDeps {
  readonly engine: Engine;
  readonly endpoints: AgentEndpoints;
  readonly manifests: readonly LoopManifestInput[];
  readonly publish: PublishEvent;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
}

/** All agents of this bridge. */
export class AgentSupervisor implements Service {
  readonly name = "agents";
  readonly #deps: SupervisorDeps;
  readonly #settings: SupervisorSettings;
  readonly #manifests: ReadonlyMap<string, LoopManifest>;
  readonly #agents = new Map<string, Agent>();
  readonly #usage: UsageMeter;
  #defaultSet: Promise<void> = Promise.resolve();
  #ready: Promise<void> | undefined;
  #isDraining = false;

  constructor(deps: SupervisorDeps, settings: SupervisorSettings) {
    this.#deps = deps;
    this.#settings = settings;
    this.#manifests = new Map(deps.manifests.map((input) => [input.name, LoopManifest.parse(input)]));
    this.#usage = new UsageMeter(deps.clock);
  }

  /** Checks the default set's names. */
  async start(): Promise<void> {
    for (const loop of this.#settings.start) this.#manifest(loop);
  }

  /** Begins to make the engine ready and to start the default set. Once the bridge serves: nobody waits for it. */
  begin(): void {
    this.#defaultSet = this.#startDefaultSet();
  }

  async drain(): Promise<void> {
    this.#isDraining = true;
    await Promise.all(this.live.map((agent) => agent.stop(this.#settings.stopGraceMs)));
    await this.#defaultSet;
  }

  async stop(): Promise<void> {
    this.#isDraining = true;
    await Promise.all(this.live.map((agent) => agent.stop(0)));
    await this.#deps.engine.close();
  }

  get live(): readonly Agent[] {
    return [...this.#agents.values()].filter(({ state }) => isLive(state));
  }

  list(includeResting: boolean): AgentInfo[] {
    const agents = includeResting ? [...this.#agents.values()] : this.live;
    return agents.map(({ info }) => info);
  }

  /** @throws BridgeError AGENT_NOT_FOUND */
  get(agentId: string): Agent {
    const agent = this.#agents.get(agentId);
    if (agent !== undefined) return agent;
    const near = nearest(agentId, this.#agents.keys());
    const hint = near === undefined ? "" : `; did you mean ${near}?`;
    throw new BridgeError("AGENT_NOT_FOUND", `No agent is called ${agentId}${hint}`, { agent_id: agentId });
  }

  /** @throws BridgeError AGENT_NOT_FOUND */
  getByContainer(containerId: ContainerId): Agent {
    for (const agent of this.#agents.values()) if (agent.info.container_id === containerId) return agent;
    throw new BridgeError("AGENT_NOT_FOUND", `No agent has the container ${containerId}`, {
      container_id: containerId,
    });
  }

  /** Starts an agent and answers when it has said hello. */
  async launch(loop: string, name?: AgentId): Promise<Agent> {
    this.#manifest(loop);
    await this.#ensureReady();
    const agent = this.#create(this.#manifest(loop), name);
    await agent.start(false);
    return agent;
  }

  async restart(agentId: string, graceMs: number): Promise<Agent> {
    const agent = this.get(agentId);
    await this.#ensureReady();
    await agent.stop(graceMs);
    this.#refuseWhileDraining();
    await agent.start(false);
    return agent;
  }

  manifests(): { manifest: LoopManifest; agents: number }[] {
    return [...this.#manifests.values()].map((manifest) => this.manifest(manifest.name));
  }

  /** @throws BridgeError LOOP_NOT_FOUND */
  manifest(loop: string): { manifest: LoopManifest; agents: number } {
    const manifest = this.#manifest(loop);
    return { manifest, agents: this.live.filter(({ plan }) => plan.manifest.name === manifest.name).length };
  }

  /** Measures one agent, or all that run. */
  usage(agentId?: string): Promise<AgentUsage[]> {
    const agents = agentId === undefined ? this.live.filter(({ state }) => state === "running") : [this.get(agentId)];
    return Promise.all(agents.map((agent) => this.#usage.read(agent)));
  }

  async #startDefaultSet(): Promise<void> {
    const { logger } = this.#deps;
    try {
      await this.#ensureReady();
      if (this.#isDraining) return;
      const agents = this.#settings.start.map((loop) => this.#create(this.#manifest(loop), undefined));
      // An agent that does not start at once is tried again by the watch over it.
      await Promise.all(agents.map((agent) => agent.start(true).catch(() => undefined)));
    } catch (error) {
      logger.error({ error }, "the default set was not started");
    }
  }

  /** Makes the engine ready and removes what an earlier bridge of this install left. Once; after a failure, anew. */
  #ensureReady(): Promise<void> {
    this.#ready ??= this.#makeReady().catch((error: unknown) => {
      this.#ready = undefined;
      throw error;
    });
    return this.#ready;
  }

  async #makeReady(): Promise<void> {
    const { engine, logger } = this.#deps;
    await engine.prepare((step) => logger.info({ engine: engine.kind, step }, "making the engine ready"));
    const deadline = AbortSignal.timeout(sweepDeadlineMs);
    for (const { id, agentId } of await engine.list(deadline)) {
      logger.warn({ container: id, agent: agentId }, "removing a container that an earlier bridge left");
      await engine.remove(id, deadline);
    }
  }

  #create(manifest: LoopManifest, name: AgentId | undefined): Agent {
    this.#refuseWhileDraining();
    const { live } = this;
    if (live.length >= this.#settings.agentsMax) {
      throw new BridgeError(
        "AGENT_LIMIT_REACHED",
        `${live.length} agents run; ${this.#settings.agentsMax} is the limit`,
      );
    }
    const agentId = name ?? this.#freeName(manifest.name);
    const known = this.#agents.get(agentId);
    if (known !== undefined && isLive(known.state)) {
      throw new BridgeError("AGENT_ALREADY_RUNNING", `${agentId} is already ${known.state}`, { agent_id: agentId });
    }
    const override = this.#settings.loops[manifest.name];
    const plan: AgentPlan = {
      agentId,
      manifest,
      limits: { ...manifest.limits, ...override?.limits },
      grants: override?.grants ?? manifest.grants,
      slot: lowestFree(live.map(({ plan: { slot } }) => slot)),
    };
    const { engine, endpoints, publish, clock, random, logger } = this.#deps;
    const { helloDeadlineMs, logBytesMax, restart } = this.#settings;
    const policy = new RestartPolicy(restart, random);
    const agent = new Agent(plan, { engine, endpoints, publish, policy, clock, logger, helloDeadlineMs, logBytesMax });
    this.#agents.delete(agentId);
    this.#agents.set(agentId, agent);
    this.#forgetOldest();
    return agent;
  }

  #refuseWhileDraining(): void {
    if (this.#isDraining) throw new BridgeError("SHUTTING_DOWN");
  }

  #manifest(loop: string): LoopManifest {
    const manifest = this.#manifests.get(loop);
    if (manifest !== undefined) return manifest;
    const near = nearest(loop, this.#manifests.keys());
    const hint = near === undefined ? "" : `; did you mean ${near}?`;
    throw new BridgeError("LOOP_NOT_FOUND", `No loop is called ${loop}${hint}`, { loop });
  }

  #freeName(loop: string): AgentId {
    const taken = new Set(this.live.map(({ plan }) => plan.agentId as string));
    for (let number = 1; ; number++) {
      const name = `${loop}-${number}`;
      if (!taken.has(name)) return AgentId.parse(name);
    }
  }

  #forgetOldest(): void {
    const resting = [...this.#agents].filter(([, { state }]) => !isLive(state));
    for (const [agentId] of resting.slice(0, Math.max(0, resting.length - restingAgentsMax)))
      this.#agents.delete(agentId);
  }
}

function lowestFree(taken: readonly number[]): number {
  let slot = 0;
  while (taken.includes(slot)) slot += 1;
  return slot;
}
