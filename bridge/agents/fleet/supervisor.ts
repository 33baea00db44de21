import { type AgentId, BridgeError, type ContainerId, type LoopManifest } from "@armorclaw/protocol";
import { nearest } from "@armorclaw/protocol/nearest";
import type { ContainerRecord } from "../../containers/index.ts";
import type { Service } from "../../lifecycle/index.ts";
import type { Agent } from "../instance/agent.ts";
import { type AgentSnapshot, isLive, isUp, requireResting } from "../instance/agent-status.ts";
import type { AgentRecord, PanicRecord } from "../instance/store.ts";
import { AgentFactory, type Taken } from "./agent-factory.ts";
import { DesiredState } from "./desired-state.ts";
import { EngineMonitor } from "./engine-monitor.ts";
import { Loops } from "./loops.ts";
import { OrphanCollector } from "./orphan-collector.ts";
import { type PanicReport, panic } from "./panic.ts";
import { planStart } from "./reconcile.ts";
import type { SupervisorDeps, SupervisorSettings } from "./supervisor-options.ts";
import { type AgentUsageReading, UsageMeter } from "./usage-meter.ts";

/** Stopped and failed agents that are kept for `agent.list` and their logs. */
const restingAgentsMax = 100;

/** All agents of this bridge. */
export class AgentSupervisor implements Service {
  readonly name = "agents";
  readonly #deps: SupervisorDeps;
  readonly #settings: SupervisorSettings;
  readonly #loops: Loops;
  readonly #desired: DesiredState;
  readonly #agents = new Map<string, Agent>();
  readonly #usage: UsageMeter;
  readonly #closing = new AbortController();
  readonly #engineMonitor: EngineMonitor;
  readonly #collector: OrphanCollector;
  readonly #factory: AgentFactory;
  #opening: Promise<void> = Promise.resolve();
  #ready: Promise<void> | undefined;
  #isDraining = false;
  #hasAdopted = false;

  constructor(deps: SupervisorDeps, settings: SupervisorSettings) {
    const { engine, publish, clock, logger } = deps;
    this.#deps = deps;
    this.#settings = settings;
    this.#loops = new Loops(deps.manifests, settings.loops, deps.roomChannels);
    this.#desired = new DesiredState(deps.records, this.#loops, settings.start);
    this.#usage = new UsageMeter(clock);
    this.#engineMonitor = new EngineMonitor(engine, publish, clock, this.#closing.signal);
    const live = () => this.live;
    this.#collector = new OrphanCollector({ engine, engineMonitor: this.#engineMonitor, live, clock, logger });
    const isReady = (loop: string) =>
      this.live.some(
        ({ plan, state, isReady: ready }) => (ready || state === "suspended") && plan.manifest.name === loop,
      );
    this.#factory = new AgentFactory(deps, settings, this.#engineMonitor, isReady);
  }

  /** Checks the names of the default set and the loops' dependencies. */
  async start(): Promise<void> {
    this.#loops.check();
    for (const loop of this.#settings.start) this.#loops.get(loop);
  }

  /** Starts to prepare the engine and to start agents. Called when the bridge serves; no caller waits for it. */
  begin(): void {
    this.#opening = this.#open();
    this.#usage.begin(this.#settings.usageIntervalMs, () => this.live);
  }

  async drain(): Promise<void> {
    this.#isDraining = true;
    this.#closing.abort();
    await this.#collector.stop();
    const { stopGraceMs } = this.#settings;
    await Promise.all(this.live.map((agent) => agent.stop(stopGraceMs, { isWanted: true })));
    await this.#opening;
    // The next bridge adopts the containers of an engine that this one has not reached, or that does not answer.
    if (this.#hasAdopted && this.isEngineReachable) this.#deps.records.setHoldingEngine(undefined);
    // Subscribers get every agent.stopped before their connections close.
    await this.#deps.records.settled();
  }

  async stop(): Promise<void> {
    this.#isDraining = true;
    this.#closing.abort();
    await Promise.all([this.#collector.stop(), this.#usage.end()]);
    await Promise.all(this.live.map((agent) => agent.stop(0, { isWanted: true })));
    for (const { log } of this.#agents.values()) log.close();
    await this.#deps.engine.close();
  }

  get live(): readonly Agent[] {
    return [...this.#agents.values()].filter(({ state }) => isLive(state));
  }

  /** Names and slots in use. A resting agent keeps its slot, as it may be started again. */
  get #taken(): Taken {
    const agents = [...this.#agents.values()];
    return { names: this.live.map(({ plan }) => plan.agentId), slots: agents.map(({ plan }) => plan.slot) };
  }

  get isEngineReachable(): boolean {
    return this.#engineMonitor.isReachable;
  }

  /** Set from `panic` until `resume`. */
  get panicked(): PanicRecord | undefined {
    return this.#deps.records.panic();
  }

  list(includeResting: boolean): AgentSnapshot[] {
    const agents = includeResting ? [...this.#agents.values()] : this.live;
    return agents.map(({ snapshot }) => snapshot);
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
    for (const agent of this.#agents.values()) if (agent.snapshot.containerId === containerId) return agent;
    throw new BridgeError("AGENT_NOT_FOUND", `No agent has the container ${containerId}`, {
      container_id: containerId,
    });
  }

  /** Starts a new agent. Resolves when the agent has said hello. */
  async launch(loop: string, name?: AgentId, ttlMs?: number): Promise<Agent> {
    const manifest = this.#loops.get(loop);
    this.#requireOpen();
    await this.#ensureReady();
    const agent = this.#create(this.#factory.newRecord(manifest, "operator", this.#taken, name, ttlMs));
    await agent.start({ keepTrying: false });
    return agent;
  }

  async restart(agentId: string, graceMs: number): Promise<Agent> {
    const agent = this.get(agentId);
    this.#requireOpen();
    await this.#ensureReady();
    await agent.stop(graceMs, { isWanted: true });
    this.#requireOpen();
    await agent.start({ keepTrying: false });
    return agent;
  }

  async resumeAgent(agentId: string): Promise<Agent> {
    const agent = this.get(agentId);
    this.#requireOpen();
    await agent.resume();
    return agent;
  }

  removeWorkspace(agentId: AgentId): boolean {
    requireResting(agentId, this.#agents.get(agentId)?.state);
    return this.#deps.workspaces.remove(agentId);
  }

  async panic(reason: string): Promise<PanicReport> {
    return await panic(reason, this.live, this.#deps);
  }

  /** Ends the panic and starts the agents that should run. Resolves with their number. */
  async resume(): Promise<number> {
    if (this.panicked === undefined) return 0;
    this.#deps.records.setPanic(undefined);
    await this.#ensureReady();
    const started = this.#startWanted([]);
    this.#deps.publish("bridge.resumed", "bridge", { agents: started });
    return started;
  }

  manifests(): { manifest: LoopManifest; agents: number }[] {
    return this.#loops.all().map((manifest) => this.manifest(manifest.name));
  }

  /** @throws BridgeError LOOP_NOT_FOUND */
  manifest(loop: string): { manifest: LoopManifest; agents: number } {
    const manifest = this.#loops.get(loop);
    return { manifest, agents: this.live.filter(({ plan }) => plan.manifest.name === manifest.name).length };
  }

  /** Takes one event of that many bytes from the agent's quota. @returns false when the quota is used up */
  takeEventQuota(agentId: AgentId, bytes: number): boolean {
    const { eventQuota, eventBytesQuota } = this.get(agentId);
    return eventQuota.take(1) && eventBytesQuota.take(bytes);
  }

  /** Whether the agent is paused or suspended. */
  isFrozen(agentId: AgentId): boolean {
    const state = this.live.find(({ plan }) => plan.agentId === agentId)?.state;
    return state === "paused" || state === "suspended";
  }

  /** Measures one agent, or all running agents. */
  usage(agentId?: string, historyLength = 0): Promise<AgentUsageReading[]> {
    const agents = agentId === undefined ? this.live.filter(({ state }) => isUp(state)) : [this.get(agentId)];
    return Promise.all(agents.map((agent) => this.#usage.read(agent, historyLength)));
  }

  async #open(): Promise<void> {
    const { logger } = this.#deps;
    while (!this.#isDraining) {
      try {
        return await this.#ensureReady();
      } catch (error) {
        logger.error({ error }, "the agents could not be started");
        await this.#engineMonitor.untilReachable(
          error instanceof Error ? error.message : String(error),
          this.#closing.signal,
        );
      }
    }
  }

  /** Prepares the engine and starts the agents that should run: once, and again after a failure. */
  #ensureReady(): Promise<void> {
    this.#ready ??= this.#prepare().catch((error: unknown) => {
      this.#ready = undefined;
      throw error;
    });
    return this.#ready;
  }

  async #prepare(): Promise<void> {
    const { engine, logger, records } = this.#deps;
    await engine.prepare((step) => logger.info({ engine: engine.kind, step }, "preparing the engine"));
    records.setHoldingEngine(engine.kind);
    const containers = await this.#collector.list();
    if (this.#isDraining) return;
    if (this.panicked !== undefined) {
      await this.#collector.remove(containers, "the bridge is in panic mode");
    } else {
      const { remove } = planStart(await this.#desired.wanted(), containers);
      const removed = new Set(remove);
      await this.#collector.remove(remove, "an earlier bridge left it, and no agent adopts it");
      this.#startWanted(containers.filter((container) => !removed.has(container)));
    }
    this.#hasAdopted = true;
    this.#collector.start(this.#settings.reconcileMs);
  }

  /** Starts each agent that should run and does not, and what the default set lacks. Returns their number. */
  #startWanted(containers: readonly ContainerRecord[]): number {
    const { start } = planStart(this.#deps.records.all(), containers);
    let started = 0;
    for (const { record, adopted } of start) {
      const known = this.#agents.get(record.agentId);
      if (known !== undefined && isLive(known.state)) continue;
      this.#keepStarting(known ?? this.#create(record), adopted);
      started += 1;
    }
    const missing = this.#desired.missingOfDefaultSet();
    for (const loop of missing)
      this.#keepStarting(
        this.#create(this.#factory.newRecord(this.#loops.get(loop), "default", this.#taken)),
        undefined,
      );
    return started + missing.length;
  }

  /** The agent's own supervision tries a failed start again. */
  #keepStarting(agent: Agent, adopted: ContainerRecord | undefined): void {
    agent.start({ keepTrying: true, adopted }).catch(() => undefined);
  }

  #create(record: AgentRecord): Agent {
    this.#requireOpen();
    const { live } = this;
    const { max } = this.#settings;
    if (live.length >= max)
      throw new BridgeError("AGENT_LIMIT_REACHED", `${live.length} agents run; ${max} is the limit`);
    const { agentId } = record;
    const known = this.#agents.get(agentId);
    if (known !== undefined && isLive(known.state))
      throw new BridgeError("AGENT_ALREADY_RUNNING", `${agentId} is already ${known.state}`, { agent_id: agentId });
    known?.log.close();
    const agent = this.#factory.create(record, this.#loops.get(record.loop));
    this.#agents.delete(agentId);
    this.#agents.set(agentId, agent);
    this.#forgetOldest();
    return agent;
  }

  #requireOpen(): void {
    if (this.#isDraining) throw new BridgeError("SHUTTING_DOWN");
    const { panicked } = this;
    if (panicked !== undefined)
      throw new BridgeError("BRIDGE_PANICKED", `The bridge is in panic mode: ${panicked.reason}`, {
        reason: panicked.reason,
      });
  }

  #forgetOldest(): void {
    const resting = [...this.#agents].filter(([, { state }]) => !isLive(state));
    for (const [agentId, { log }] of resting.slice(0, Math.max(0, resting.length - restingAgentsMax))) {
      log.close();
      this.#agents.delete(agentId);
    }
  }
}
