import assert from "node:assert/strict";
import { type AgentActivity, type AgentState, BridgeError } from "@armorclaw/protocol";
import type { Container, ContainerRecord } from "../../containers/index.ts";
import { delay, type Timer } from "../../platform/clock.ts";
import type { AgentDeps, AgentStart, Heartbeat } from "./agent-deps.ts";
import { AgentEvents } from "./agent-events.ts";
import type { AgentPlan } from "./agent-plan.ts";
import { AgentRun, explainStartFailure } from "./agent-run.ts";
import { type AgentSnapshot, AgentStatus, isLive, isUp } from "./agent-status.ts";
import { IdleSuspend } from "./idle-suspend.ts";
import { type Decision, decideNext } from "./restart-decision.ts";
import type { AgentRecord } from "./store.ts";
import { WarmStandby, type WarmStandbyDeps } from "./warm-standby.ts";

/** One agent: its state, and the one task that starts it, watches over it and starts it again. */
export class Agent {
  readonly plan: AgentPlan;
  readonly log: AgentDeps["log"];
  readonly eventQuota: AgentDeps["eventQuota"];
  readonly eventBytesQuota: AgentDeps["eventBytesQuota"];
  readonly #deps: AgentDeps;
  readonly #events: AgentEvents;
  #record: AgentRecord;
  readonly #status: AgentStatus;
  readonly #runDeps: WarmStandbyDeps;
  readonly #standby: WarmStandby | undefined;
  readonly #idleSuspend: IdleSuspend;
  /** The present run, or the last one. */
  #run: AgentRun | undefined;
  #stopping = new AbortController();
  /** Why the agent was asked to stop. */
  #stopMessage: string | null = null;
  #expiry: Timer | undefined;
  #task: Promise<void> = Promise.resolve();

  constructor(plan: AgentPlan, record: AgentRecord, deps: AgentDeps) {
    this.plan = plan;
    this.log = deps.log;
    this.eventQuota = deps.eventQuota;
    this.eventBytesQuota = deps.eventBytesQuota;
    this.#record = record;
    this.#deps = deps;
    this.#events = new AgentEvents(plan, deps.publish);
    this.#status = new AgentStatus(plan, deps.clock, deps.logger);
    this.#runDeps = { ...deps, status: this.#status, events: this.#events };
    this.#standby = plan.manifest.standby ? new WarmStandby(plan, this.#runDeps) : undefined;
    this.#idleSuspend = new IdleSuspend(plan, {
      ...this.#runDeps,
      inbox: deps.inbox,
      stopGraceMs: deps.settings.stopGraceMs,
      standby: this.#standby,
      save: (change) => this.#save(change),
      background: deps.background,
    });
  }

  get state(): AgentState {
    return this.#status.state;
  }

  /** Whether the agent runs and reports that it is active or busy. */
  get isReady(): boolean {
    return this.#status.isReady;
  }

  get container(): Container | undefined {
    return isUp(this.state) ? this.#run?.container : undefined;
  }

  /** The epochs of the present start, whose container may not exist yet, of the next start and of the standby. */
  get epochs(): readonly number[] {
    return [this.#record.epoch, this.#record.epoch + 1, this.#standby?.lastEpoch ?? 0];
  }

  get endpointPath(): string | undefined {
    return this.#run?.endpoint?.socketPath;
  }

  get snapshot(): AgentSnapshot {
    return this.#status.snapshot(this.#run, this.#record, this.#standby?.pid ?? null);
  }

  /**
   * Starts the agent and its supervision.
   * @returns when the agent has said hello; rejects with the BridgeError of the first start when that failed
   */
  start(options: AgentStart): Promise<void> {
    if (this.state !== "requested") this.#status.move("requested");
    this.#stopMessage = null;
    this.#deps.policy.reset();
    this.#stopping = new AbortController();
    this.#scheduleExpiry();
    const first = Promise.withResolvers<void>();
    this.#task = this.#supervise(first, options).catch(async (error: unknown) => {
      this.#deps.logger.error({ error, agent: this.plan.agentId }, "agent supervision failed");
      this.#status.fail("A bug in the bridge ended the supervision of this agent");
      first.reject(error);
      await this.#standby?.release();
    });
    return first.promise;
  }

  /**
   * Stops the agent and resolves when it has ended. Does nothing for an agent that is stopped.
   * @param options.isWanted whether the next bridge starts the agent again
   */
  async stop(graceMs: number, options: { isWanted: boolean; message?: string } = { isWanted: false }): Promise<void> {
    if (!options.isWanted) await this.#save({ desired: "rest", isPaused: false, isSuspended: false });
    if (!isLive(this.state)) return;
    this.#stopMessage ??= options.message ?? null;
    this.#stopping.abort();
    if (this.#status.may("draining")) this.#status.move("draining");
    await this.#run?.container?.stop(graceMs);
    await this.#task;
  }

  /** Stops the supervision and freezes the container. First step of a panic. */
  async freeze(message: string): Promise<void> {
    if (!isLive(this.state)) return;
    this.#stopMessage = message;
    this.#stopping.abort();
    await this.#run?.container?.pause();
  }

  /** Kills the container. Second step of a panic, after which the agent is started again. */
  async kill(): Promise<void> {
    this.#stopping.abort();
    if (this.#status.may("draining")) this.#status.move("draining");
    await this.#run?.container?.kill();
    await this.#task;
  }

  /** @throws BridgeError AGENT_STATE_CONFLICT */
  async pause(): Promise<void> {
    if (this.state === "paused") return;
    // A suspended agent stays suspended, and is frozen as soon as it is woken.
    if (this.state === "suspended") return await this.#save({ isPaused: true });
    this.#requireRunning();
    this.#status.move("paused");
    await this.#run?.freeze();
    await this.#save({ isPaused: true });
    this.#events.publish("agent.paused", {});
  }

  /** @throws BridgeError AGENT_STATE_CONFLICT */
  async resume(): Promise<void> {
    if (this.state === "running") return;
    if (this.state !== "paused" && this.state !== "suspended") this.#requireRunning();
    await this.#save({ isPaused: false });
    if (this.state === "suspended") return this.#idleSuspend.wake();
    await this.#run?.thaw();
    if (this.#status.may("running")) this.#status.move("running");
    this.#events.publish("agent.resumed", {});
  }

  /** Handles agent.hello. Resolves when the agent's isolation is attested and it may be answered. */
  async hello(): Promise<{ epoch: number }> {
    const run = this.#run;
    assert(run !== undefined, "a socket belongs to a run");
    await run.hello();
    this.#status.activity ??= "initializing";
    run.beat();
    return { epoch: run.epoch };
  }

  heartbeat(heartbeat: Heartbeat): void {
    this.#status.countHeartbeat();
    this.#run?.beat();
    this.#setActivity(heartbeat.activity);
    this.#events.heartbeat(heartbeat);
  }

  report(activity: AgentActivity, message: string | undefined): void {
    this.#setActivity(activity);
    this.#events.publish("agent.reported", { activity, ...(message === undefined ? {} : { message }) });
  }

  /** Runs the agent again and again until a decision ends it. */
  async #supervise(first: PromiseWithResolvers<void>, { keepTrying, adopted }: AgentStart): Promise<void> {
    const stopping = this.#stopping.signal;
    const { agentId, subscriptions } = this.plan;
    if (subscriptions.length > 0)
      await this.#deps.inbox.keep(agentId, subscriptions, { beginAnew: this.#record.desired === "rest" });
    await this.#save({ desired: "run", ...(keepTrying ? {} : { isSuspended: false }) });
    for (let previous = adopted; ; previous = undefined) {
      if (this.#record.isSuspended && previous === undefined) {
        first.resolve();
        this.#run = undefined;
        if (!(await this.#idleSuspend.untilNeeded(stopping))) return await this.#end(this.#stopMessage);
      }
      const startedAtMs = this.#deps.clock.monotonic();
      const failure = await this.#runOnce(first, previous, keepTrying);
      if (failure !== undefined) this.log.write(failure.message);
      const decision = this.#decide(failure, startedAtMs, keepTrying, previous !== undefined);
      await this.#apply(decision, failure);
      if (failure !== undefined && previous === undefined) first.reject(failure);
      if (decision.state === "stopped" || decision.state === "failed") return;
      if (decision.state === "suspended") continue;
      if (decision.state === "backoff") await delay(this.#deps.clock, decision.waitMs, stopping).catch(() => undefined);
      else await this.#deps.engineMonitor.untilReachable(decision.message, stopping);
      if (stopping.aborted) {
        first.reject(new BridgeError("AGENT_START_FAILED", `${agentId} was stopped before it ran`));
        return await this.#end(this.#stopMessage);
      }
      if (decision.state === "backoff") await this.#save({ restarts: this.#record.restarts + 1 });
    }
  }

  /** Starts the agent and waits for its end. Returns why the start failed, if it did. */
  async #runOnce(first: PromiseWithResolvers<void>, adopted: ContainerRecord | undefined, isPatient: boolean) {
    const { starts, logger, settings } = this.#deps;
    const stopping = this.#stopping.signal;
    const { manifest, agentId } = this.plan;
    const onWait = (message: string) => {
      this.#status.message = message;
    };
    try {
      if (adopted === undefined)
        await starts.untilReady(manifest.after, onWait, stopping, isPatient ? undefined : settings.helloDeadlineMs);
      // An adopted agent comes back in its own time. Others must not wait for one that stands still.
      const begin = () => this.#startRun(adopted);
      const run = await (adopted === undefined ? starts.run(begin, stopping) : begin());
      first.resolve();
      if (this.#record.isPaused && this.state === "running") await this.pause();
      this.#status.exit = await this.#idleSuspend.untilEnd(run, stopping);
      return undefined;
    } catch (error) {
      return explainStartFailure(error, agentId, stopping, logger);
    } finally {
      await this.#run?.release();
    }
  }

  async #startRun(adopted: ContainerRecord | undefined): Promise<AgentRun> {
    const ready = await this.#standby?.take();
    const nextEpoch = Math.max(this.#record.epoch, this.#standby?.lastEpoch ?? 0) + 1;
    const run = ready ?? new AgentRun(this.plan, adopted?.epoch ?? nextEpoch, this.#runDeps);
    // Set before what may fail, so that a standby that was taken is released.
    this.#run = run;
    await this.#save({ epoch: run.epoch, isSuspended: false });
    await run.start({ restarts: this.#record.restarts, adopted, stopping: this.#stopping.signal });
    if (this.state === "running") this.#standby?.prepare(run.epoch);
    return run;
  }

  #decide(failure: BridgeError | undefined, startedAtMs: number, keepsTrying: boolean, wasAdoption: boolean): Decision {
    const { policy, clock } = this.#deps;
    const { restart, idle } = this.plan.manifest;
    const ranMs = clock.monotonic() - startedAtMs;
    const suspends = idle === undefined ? "never" : "when-done";
    return decideNext({
      stop: this.#stopping.signal.aborted ? { message: this.#stopMessage } : undefined,
      failure,
      exit: this.#status.exit,
      restart,
      suspends: this.#run?.isRetired === true ? "now" : suspends,
      keepsTrying,
      hasRun: this.#status.hasRun,
      wasAdoption,
      countFailure: () => policy.failed(clock.monotonic(), ranMs),
    });
  }

  /** Records and publishes what was decided, and moves to its state. */
  async #apply(decision: Decision, failure: BridgeError | undefined): Promise<void> {
    if (decision.state === "suspended") return await this.#save({ isSuspended: true });
    const { exit } = this.#status;
    if (failure === undefined && exit !== null && !this.#stopping.signal.aborted) {
      this.log.write(exit.message);
      const waitMs = decision.state === "backoff" ? decision.waitMs : null;
      this.#events.publish("agent.exited", { exit, restart_in_ms: waitMs });
    }
    if (decision.state === "backoff" || decision.state === "engine-unreachable")
      return this.#status.move(decision.state, decision.message);
    if (!decision.isStillDesired) await this.#save({ desired: "rest" });
    if (decision.state === "stopped") return await this.#end(decision.message);
    await this.#endStandby();
    if (this.#stopping.signal.aborted) return await this.#end(this.#stopMessage);
    this.#expiry?.cancel();
    this.#status.move("failed", decision.message);
    this.#events.publish("agent.failed", { cause: decision.cause, message: decision.message, exit });
  }

  async #end(message: string | null): Promise<void> {
    await this.#endStandby();
    this.#expiry?.cancel();
    if (this.#status.may("draining")) this.#status.move("draining");
    if (this.#status.activity !== null) this.#status.activity = "terminated";
    this.#status.move("stopped", message);
    this.#events.publish("agent.stopped", { exit: this.#status.exit });
  }

  async #endStandby(): Promise<void> {
    await this.#standby?.release();
    const lastEpoch = this.#standby?.lastEpoch ?? 0;
    if (lastEpoch > this.#record.epoch) await this.#save({ epoch: lastEpoch });
  }

  #scheduleExpiry(): void {
    const { clock, background, settings } = this.#deps;
    const { expiresAtMs } = this.plan;
    this.#expiry?.cancel();
    if (expiresAtMs === null) return;
    this.#expiry = clock.after(Math.max(0, expiresAtMs - clock.now()), () =>
      background(this.stop(settings.stopGraceMs, { isWanted: false, message: "Its time to live is over" })),
    );
  }

  #setActivity(activity: AgentActivity): void {
    const wasReady = this.isReady;
    if (activity !== "active") this.#idleSuspend.markBusy();
    this.#status.activity = activity;
    if (this.isReady && !wasReady) this.#deps.starts.agentReady();
  }

  #requireRunning(): void {
    if (this.state !== "running" || this.container === undefined)
      throw new BridgeError("AGENT_STATE_CONFLICT", `${this.plan.agentId} is ${this.state}`, { state: this.state });
  }

  async #save(change: Partial<AgentRecord>): Promise<void> {
    this.#record = { ...this.#record, ...change };
    await this.#deps.records.put(this.#record);
  }
}
