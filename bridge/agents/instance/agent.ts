import assert from "node:assert/strict";
import { type AgentActivity, type AgentInfo, type AgentState, BridgeError } from "@armorclaw/protocol";
import type { Container, ContainerRecord } from "../../containers/index.ts";
import type { AgentDeps, AgentStart, Beat } from "./agent-deps.ts";
import { AgentVoice } from "./agent-events.ts";
import { AgentLife, explainStartFailure } from "./agent-run.ts";
import { AgentFacts } from "./agent-status.ts";
import { Expiry } from "./expiry.ts";
import { IdleSuspend } from "./idle-suspend.ts";
import type { AgentPlan } from "./plan.ts";
import type { AgentRecord } from "./records.ts";
import { judge, untilNext, type Verdict } from "./restart-decision.ts";
import { isLive, isUp } from "./state.ts";

/** One agent: one state machine, and the one task that starts it, watches over it and starts it again. */
export class Agent {
  readonly plan: AgentPlan;
  readonly log: AgentDeps["log"];
  readonly eventQuota: AgentDeps["eventQuota"];
  readonly #deps: AgentDeps;
  readonly #voice: AgentVoice;
  #record: AgentRecord;
  readonly #facts: AgentFacts;
  /** The present start, or the last one. */
  #life: AgentLife | undefined;
  #stopping = new AbortController();
  #endMessage: string | null = null;
  readonly #expiry: Expiry;
  readonly #idleSuspend: IdleSuspend;
  #task: Promise<void> = Promise.resolve();

  constructor(plan: AgentPlan, record: AgentRecord, deps: AgentDeps) {
    this.plan = plan;
    this.log = deps.log;
    this.eventQuota = deps.eventQuota;
    this.#record = record;
    this.#deps = deps;
    this.#voice = new AgentVoice(plan, deps.publish);
    this.#facts = new AgentFacts(plan, deps);
    const expired = { isWanted: false, message: "Its time to live is over" };
    this.#expiry = new Expiry(deps.clock, () => deps.background(this.stop(deps.stopGraceMs, expired)));
    const own = { facts: this.#facts, voice: this.#voice };
    this.#idleSuspend = new IdleSuspend(plan, { ...deps, ...own, save: (change) => this.#save(change) });
  }

  get state(): AgentState {
    return this.#facts.state;
  }

  /** It runs, and says of itself that it works. */
  get isReady(): boolean {
    return this.#facts.isReady;
  }

  get container(): Container | undefined {
    return isUp(this.state) ? this.#life?.incarnation.container : undefined;
  }

  /** Of the present start, whose container may only be about to be, of the next one and of the standby. */
  get epochs(): readonly number[] {
    return [this.#record.epoch, this.#record.epoch + 1, this.#deps.standby.lastEpoch];
  }

  get endpointPath(): string | undefined {
    return this.#life?.incarnation.endpoint?.socketPath;
  }

  get info(): AgentInfo {
    return this.#facts.info(this.#life?.incarnation, this.#record, this.#life?.attendance?.isLive ?? null);
  }

  /**
   * Starts the agent and the watch over it.
   * @returns when the agent has said hello; rejects with the BridgeError of the first start when that failed
   */
  start(options: AgentStart): Promise<void> {
    if (this.state !== "requested") this.#facts.move("requested");
    this.#endMessage = null;
    this.#deps.policy.reset();
    this.#stopping = new AbortController();
    this.#expiry.arm(this.plan.expiresAtMs);
    const first = Promise.withResolvers<void>();
    this.#task = this.#watch(first, options).catch(async (error: unknown) => {
      this.#deps.logger.error({ error, agent: this.plan.agentId }, "agent watch failed");
      this.#facts.broke("A bug in the bridge ended the watch over it");
      first.reject(error);
      await this.#deps.standby.release();
    });
    return first.promise;
  }

  /**
   * Ends the agent and waits until it has. Stopping a stopped agent does nothing.
   * @param options.isWanted it is to run again when the bridge does
   */
  async stop(graceMs: number, options: { isWanted: boolean; message?: string } = { isWanted: false }): Promise<void> {
    if (!options.isWanted) await this.#save({ desired: "rest", isPaused: false, isSuspended: false });
    if (!isLive(this.state)) return;
    this.#endMessage ??= options.message ?? null;
    this.#stopping.abort();
    if (this.#facts.may("draining")) this.#facts.move("draining");
    await this.#life?.incarnation.container?.stop(graceMs);
    await this.#task;
  }

  /** Part one of a panic: whatever it is doing, it goes no further. Resolves when it is frozen. */
  async freeze(message: string): Promise<void> {
    if (!isLive(this.state)) return;
    this.#endMessage = message;
    this.#stopping.abort();
    await this.#life?.incarnation.container?.pause();
  }

  /** Part two: it ends without another word. It is to run again after the panic. */
  async kill(): Promise<void> {
    this.#stopping.abort();
    if (this.#facts.may("draining")) this.#facts.move("draining");
    await this.#life?.incarnation.container?.kill();
    await this.#task;
  }

  /** @throws BridgeError AGENT_STATE_CONFLICT */
  async pause(): Promise<void> {
    if (this.state === "paused") return;
    // It goes on being suspended, and is frozen as soon as it is woken.
    if (this.state === "suspended") return await this.#save({ isPaused: true });
    this.#requireRunning();
    this.#facts.move("paused");
    await this.#life?.freeze();
    await this.#save({ isPaused: true });
    this.#voice.say("agent.paused", {});
  }

  /** @throws BridgeError AGENT_STATE_CONFLICT */
  async resume(): Promise<void> {
    if (this.state === "running") return;
    if (this.state !== "paused" && this.state !== "suspended") this.#requireRunning();
    await this.#save({ isPaused: false });
    if (this.state === "suspended") return this.#idleSuspend.wake();
    await this.#life?.thaw();
    if (this.#facts.may("running")) this.#facts.move("running");
    this.#voice.say("agent.resumed", {});
  }

  /** The agent says hello on its own socket. Resolves when it may know what it is. */
  async hello(): Promise<{ epoch: number }> {
    const incarnation = this.#life?.incarnation;
    assert(incarnation !== undefined, "a socket belongs to a start");
    await incarnation.hello();
    this.#facts.activity ??= "initializing";
    this.#life?.attendance?.beat();
    return { epoch: incarnation.epoch };
  }

  heartbeat(beat: Beat): void {
    this.#facts.beat();
    this.#life?.attendance?.beat();
    this.#setActivity(beat.activity);
    this.#voice.heartbeat(beat);
  }

  report(activity: AgentActivity, message: string | undefined): void {
    this.#setActivity(activity);
    this.#voice.say("agent.reported", { activity, ...(message === undefined ? {} : { message }) });
  }

  async #watch(first: PromiseWithResolvers<void>, { keepTrying, adopted }: AgentStart): Promise<void> {
    const { clock } = this.#deps;
    await this.#idleSuspend.begin(this.#record.desired === "rest");
    await this.#save({ desired: "run", ...(keepTrying ? {} : { isSuspended: false }) });
    for (let previous = adopted; ; previous = undefined) {
      if (this.#record.isSuspended && previous === undefined) {
        first.resolve();
        this.#life = undefined;
        if (!(await this.#idleSuspend.untilNeeded(this.#stopping.signal))) return await this.#end(this.#endMessage);
      }
      const begunAt = clock.monotonic();
      const failure = await this.#live(first, previous, keepTrying);
      if (failure !== undefined) this.log.write(failure.message);
      const verdict = this.#judge(failure, {
        ranMs: clock.monotonic() - begunAt,
        mayTryAgain: keepTrying || this.#facts.hasRun || previous !== undefined,
        wasAdoption: previous !== undefined,
      });
      await this.#settle(verdict, failure);
      if (failure !== undefined && previous === undefined) first.reject(failure);
      if (verdict.next === "rest") return;
      if (verdict.next === "suspend") continue;
      await untilNext(verdict, clock, this.#deps.engineWatch, this.#stopping.signal);
      if (this.#stopping.signal.aborted) {
        first.reject(new BridgeError("AGENT_START_FAILED", `${this.plan.agentId} was stopped before it ran`));
        return await this.#end(this.#endMessage);
      }
      if (verdict.isRestart) await this.#save({ restarts: this.#record.restarts + 1 });
    }
  }

  /** Lives one start through, from its socket to its end. Returns why the start failed, if it did. */
  async #live(first: PromiseWithResolvers<void>, adopted: ContainerRecord | undefined, isPatient: boolean) {
    const { gate, logger, awaitDependencies } = this.#deps;
    const stopping = this.#stopping.signal;
    try {
      if (adopted === undefined)
        await awaitDependencies(this.plan, (why) => this.#facts.waits(why), isPatient, stopping);
      const life = await gate.through(() => this.#begin(adopted), stopping);
      first.resolve();
      if (this.#record.isPaused && this.state === "running") await this.pause();
      this.#facts.exit = await this.#idleSuspend.liveOut(life, stopping);
      return undefined;
    } catch (error) {
      return explainStartFailure(error, this.plan.agentId, stopping, logger);
    } finally {
      await this.#life?.incarnation.release();
    }
  }

  async #begin(adopted: ContainerRecord | undefined): Promise<AgentLife> {
    const standby = await this.#deps.standby.take();
    const epoch = adopted?.epoch ?? standby?.epoch ?? Math.max(this.#record.epoch, this.#deps.standby.lastEpoch) + 1;
    const parts = { plan: this.plan, deps: this.#deps, facts: this.#facts, voice: this.#voice };
    const start = { epoch, standby, adopted, restarts: this.#record.restarts };
    // Before what may fail, so that a standby that was taken is released.
    this.#life = new AgentLife({ ...parts, ...start, stopping: this.#stopping.signal });
    await this.#save({ epoch, isSuspended: false });
    await this.#life.begin();
    return this.#life;
  }

  #judge(
    failure: BridgeError | undefined,
    how: { ranMs: number; mayTryAgain: boolean; wasAdoption: boolean },
  ): Verdict {
    if (this.#stopping.signal.aborted) return { next: "rest", state: "stopped", message: this.#endMessage };
    const { policy, clock } = this.#deps;
    const { restart, idle } = this.plan.manifest;
    const isRetired = this.#life?.isRetired === true && failure === undefined;
    return judge({
      ...how,
      failure,
      exit: this.#facts.exit,
      restart,
      suspends: isRetired ? "now" : idle === undefined ? "never" : "when-done",
      onFailed: () => policy.failed(clock.monotonic(), how.ranMs),
    });
  }

  /** Moves to what the verdict says, and says so. */
  async #settle(verdict: Verdict, failure: BridgeError | undefined): Promise<void> {
    if (verdict.next === "suspend") return await this.#save({ isSuspended: true });
    if (failure === undefined && this.#facts.exit !== null && !this.#stopping.signal.aborted) {
      this.log.write(this.#facts.exit.message);
      const waitMs = verdict.next === "wait" ? verdict.waitMs : null;
      this.#voice.say("agent.exited", { exit: this.#facts.exit, restart_in_ms: waitMs });
    }
    if (verdict.next !== "rest")
      return this.#facts.move(verdict.next === "wait" ? "backoff" : "engine-unreachable", verdict.message);
    if (verdict.state === "stopped") {
      if (!this.#stopping.signal.aborted) await this.#save({ desired: "rest" });
      return await this.#end(verdict.message);
    }
    if (!this.#facts.hasRun && verdict.cause === "cannot-start") await this.#save({ desired: "rest" });
    await this.#endStandby();
    if (this.#stopping.signal.aborted) return await this.#end(this.#endMessage);
    this.#expiry.cancel();
    this.#facts.move("failed", verdict.message);
    this.#voice.say("agent.failed", { cause: verdict.cause, message: verdict.message, exit: this.#facts.exit });
  }

  async #end(message: string | null): Promise<void> {
    await this.#endStandby();
    this.#expiry.cancel();
    if (this.#facts.may("draining")) this.#facts.move("draining");
    if (this.#facts.activity !== null) this.#facts.activity = "terminated";
    this.#facts.move("stopped", message);
    this.#voice.say("agent.stopped", { exit: this.#facts.exit });
  }

  #setActivity(activity: AgentActivity): void {
    const wasReady = this.isReady;
    if (activity !== "active") this.#idleSuspend.busy();
    this.#facts.activity = activity;
    if (this.isReady && !wasReady) this.#deps.onReady();
  }

  #requireRunning(): void {
    if (this.state !== "running" || this.container === undefined)
      throw new BridgeError("AGENT_STATE_CONFLICT", `${this.plan.agentId} is ${this.state}`, { state: this.state });
  }

  async #endStandby(): Promise<void> {
    const { standby } = this.#deps;
    await standby.release();
    if (standby.lastEpoch > this.#record.epoch) await this.#save({ epoch: standby.lastEpoch });
  }

  async #save(change: Partial<AgentRecord>): Promise<void> {
    this.#record = { ...this.#record, ...change };
    await this.#deps.records.put(this.#record);
  }
}
