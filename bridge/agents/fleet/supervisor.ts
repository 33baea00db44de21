import {
  type AgentId,
  type AgentInfo,
  type AgentUsage,
  BridgeError,
  type ContainerId,
  type LoopManifest,
} from "@armorclaw/protocol";
import { nearest } from "@armorclaw/protocol/nearest";
import type { ContainerRecord } from "../../containers/index.ts";
import type { Service } from "../../lifecycle/index.ts";
import type { Agent } from "../instance/agent.ts";
import type { AgentRecord, PanicRecord } from "../instance/records.ts";
import { isLive, isUp, requireResting } from "../instance/state.ts";
import { AgentMaker } from "./agent-factory.ts";
import { Readiness } from "./dependencies.ts";
import { Roster, type Taken } from "./desired-state.ts";
import { EngineWatch } from "./engine-monitor.ts";
import { Loops } from "./loops.ts";
import { Keeper } from "./orphan-collector.ts";
import { type PanicReport, panic } from "./panic.ts";
import { planStart } from "./reconcile.ts";
import type { SupervisorDeps, SupervisorSettings } from "./supervisor-options.ts";
import { UsageMeter } from "./usage-meter.ts";

/** Stopped and failed agents that are remembered for `agent.list` and their logs. */
const restingAgentsMax = 100;

/** All agents of this bridge. */
export class AgentSupervisor implements Service {
  readonly name = "agents";
  readonly #deps: SupervisorDeps;
  readonly #settings: SupervisorSettings;
  readonly #loops: Loops;
  readonly #roster: Roster;
  readonly #agents = new Map<string, Agent>();
  readonly #usage: UsageMeter;
  readonly #closing = new AbortController();
  readonly #engineWatch: EngineWatch;
  readonly #keeper: Keeper;
  readonly #maker: AgentMaker;
  #opening: Promise<void> = Promise.resolve();
  #ready: Promise<void> | undefined;
  #isDraining = false;
  #hasTakenOver = false;

  constructor(deps: SupervisorDeps, settings: SupervisorSettings) {
    const { engine, publish, clock, logger } = deps;
    this.#deps = deps;
    this.#settings = settings;
    this.#loops = new Loops(deps.manifests, settings.loops);
    this.#roster = new Roster(deps.records, this.#loops, settings.start, clock);
    this.#usage = new UsageMeter(clock);
    this.#engineWatch = new EngineWatch(engine, publish, clock, this.#closing.signal);
    const live = () => this.live;
    this.#keeper = new Keeper({ engine, engineWatch: this.#engineWatch, live, clock, logger });
    const isReady = (loop: string) =>
      this.live.some(
        ({ plan, state, isReady: ready }) => (ready || state === "suspended") && plan.manifest.name === loop,
      );
    this.#maker = new AgentMaker(deps, settings, this.#engineWatch, new Readiness(isReady));
  }

  /** Checks the default set's names and what the loops wait for. */
  async start(): Promise<void> {
    this.#loops.check();
    for (const loop of this.#settings.start) this.#loops.get(loop);
  }

  /** Begins to make the engine ready and to start what should run. Once the bridge serves: nobody waits for it. */
  begin(): void {
    this.#opening = this.#open();
    this.#usage.begin(this.#settings.usageIntervalMs, () => this.live);
  }

  async drain(): Promise<void> {
    this.#isDraining = true;
    this.#closing.abort();
    await this.#keeper.end();
    const { stopGraceMs } = this.#settings;
    await Promise.all(this.live.map((agent) => agent.stop(stopGraceMs, { isWanted: true })));
    await this.#opening;
    // What an engine that was never reached, or is away, still holds is for the next bridge to take over.
    if (this.#hasTakenOver && this.isEngineReachable) this.#deps.records.setHoldingEngine(undefined);
    // Those who listen are told of every end before their connections close.
    await this.#deps.records.settled();
  }

  async stop(): Promise<void> {
    this.#isDraining = true;
    this.#closing.abort();
    await Promise.all([this.#keeper.end(), this.#usage.end()]);
    await Promise.all(this.live.map((agent) => agent.stop(0, { isWanted: true })));
    for (const { log } of this.#agents.values()) log.close();
    await this.#deps.engine.close();
  }

  get live(): readonly Agent[] {
    return [...this.#agents.values()].filter(({ state }) => isLive(state));
  }

  /** Names and slots that are in use. A resting agent keeps its slot, as it may be started again. */
  get #taken(): Taken {
    const agents = [...this.#agents.values()];
    return { names: this.live.map(({ plan }) => plan.agentId), slots: agents.map(({ plan }) => plan.slot) };
  }

  get isEngineReachable(): boolean {
    return this.#engineWatch.isReachable;
  }

  /** Set from `panic` to `resume`. */
  get panicked(): PanicRecord | undefined {
    return this.#deps.records.panic();
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
  async launch(loop: string, name?: AgentId, ttlMs?: number): Promise<Agent> {
    const manifest = this.#loops.get(loop);
    this.#refuse();
    await this.#ensureReady();
    const agent = this.#create(this.#roster.draft(manifest, "operator", this.#taken, name, ttlMs));
    await agent.start({ keepTrying: false });
    return agent;
  }

  async restart(agentId: string, graceMs: number): Promise<Agent> {
    const agent = this.get(agentId);
    this.#refuse();
    await this.#ensureReady();
    await agent.stop(graceMs, { isWanted: true });
    this.#refuse();
    await agent.start({ keepTrying: false });
    return agent;
  }

  async resumeAgent(agentId: string): Promise<Agent> {
    const agent = this.get(agentId);
    this.#refuse();
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

  /** Ends the panic, and begins to start what should run. Returns how many that is. */
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

  /** Measures one agent, or all that run. */
  usage(agentId?: string, historyLength = 0): Promise<AgentUsage[]> {
    const agents = agentId === undefined ? this.live.filter(({ state }) => isUp(state)) : [this.get(agentId)];
    return Promise.all(agents.map((agent) => this.#usage.read(agent, historyLength)));
  }

  async #open(): Promise<void> {
    const { logger } = this.#deps;
    while (!this.#isDraining) {
      try {
        return await this.#ensureReady();
      } catch (error) {
        logger.error({ error }, "what should run could not be started");
        await this.#engineWatch.whenBack(error instanceof Error ? error.message : String(error), this.#closing.signal);
      }
    }
  }

  /** Makes the engine ready and begins to start what should run. Once; after a failure, anew. */
  #ensureReady(): Promise<void> {
    this.#ready ??= this.#makeReady().catch((error: unknown) => {
      this.#ready = undefined;
      throw error;
    });
    return this.#ready;
  }

  async #makeReady(): Promise<void> {
    const { engine, logger, records } = this.#deps;
    await engine.prepare((step) => logger.info({ engine: engine.kind, step }, "making the engine ready"));
    records.setHoldingEngine(engine.kind);
    const containers = await this.#keeper.list();
    if (this.#isDraining) return;
    if (this.panicked !== undefined) {
      await this.#keeper.remove(containers, "the bridge was panicked");
    } else {
      const { remove } = planStart(await this.#roster.wanted(), containers);
      const removed = new Set(remove);
      await this.#keeper.remove(remove, "an earlier bridge left it, and nobody wants it");
      this.#startWanted(containers.filter((container) => !removed.has(container)));
    }
    this.#hasTakenOver = true;
    this.#keeper.begin(this.#settings.reconcileMs);
  }

  /** Starts what should run and does not, and what of the default set is missing. Returns how many those are. */
  #startWanted(containers: readonly ContainerRecord[]): number {
    const { start } = planStart(this.#deps.records.all(), containers);
    let started = 0;
    for (const { record, adopted } of start) {
      const known = this.#agents.get(record.agentId);
      if (known !== undefined && isLive(known.state)) continue;
      this.#keepStarting(known ?? this.#create(record), adopted);
      started += 1;
    }
    const missing = this.#roster.missingOfDefaultSet();
    for (const loop of missing)
      this.#keepStarting(this.#create(this.#roster.draft(this.#loops.get(loop), "default", this.#taken)), undefined);
    return started + missing.length;
  }

  /** An agent that does not start at once is tried again by the watch over it. */
  #keepStarting(agent: Agent, adopted: ContainerRecord | undefined): void {
    agent.start({ keepTrying: true, adopted }).catch(() => undefined);
  }

  #create(record: AgentRecord): Agent {
    this.#refuse();
    const { live } = this;
    const { max } = this.#settings;
    if (live.length >= max)
      throw new BridgeError("AGENT_LIMIT_REACHED", `${live.length} agents run; ${max} is the limit`);
    const { agentId } = record;
    const known = this.#agents.get(agentId);
    if (known !== undefined && isLive(known.state))
      throw new BridgeError("AGENT_ALREADY_RUNNING", `${agentId} is already ${known.state}`, { agent_id: agentId });
    known?.log.close();
    const agent = this.#maker.make(record, this.#loops.get(record.loop));
    this.#agents.delete(agentId);
    this.#agents.set(agentId, agent);
    this.#forgetOldest();
    return agent;
  }

  #refuse(): void {
    if (this.#isDraining) throw new BridgeError("SHUTTING_DOWN");
    const { panicked } = this;
    if (panicked !== undefined)
      throw new BridgeError("BRIDGE_PANICKED", `The bridge was panicked: ${panicked.reason}`, {
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
