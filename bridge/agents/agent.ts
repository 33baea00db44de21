import assert from "node:assert/strict";
import { type AgentActivity, type AgentInfo, type AgentState, BridgeError, type ExitInfo } from "@armorclaw/protocol";
import type { Container, Engine } from "../containers/containers.ts";
import type { PublishEvent } from "../events/events.ts";
import type { Logger } from "../logging/logging.ts";
import { type Clock, delay, timestamp } from "../platform/clock.ts";
import type { AgentEndpoints } from "./endpoints.ts";
import { Incarnation } from "./incarnation.ts";
import { LogBook } from "./log-book.ts";
import type { AgentPlan } from "./plan.ts";
import type { RestartPolicy } from "./restart-policy.ts";
import { isLive, mayMove } from "./state.ts";

export interface AgentDeps {
  readonly engine: Engine;
  readonly endpoints: AgentEndpoints;
  readonly publish: PublishEvent;
  readonly policy: RestartPolicy;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly helloDeadlineMs: number;
  readonly logBytesMax: number;
}

/** What an agent says with each heartbeat. */
export interface Beat {
  readonly seq: number;
  readonly activity: AgentActivity;
  readonly rssBytes?: number | undefined;
  readonly lagMs?: number | undefined;
}

/** Failures that a second try cannot mend. */
const permanent: ReadonlySet<string> = new Set([
  "IMAGE_BUILD_FAILED",
  "ISOLATION_REFUSED",
  "ATTESTATION_FAILED",
  "SOCKET_PATH_TOO_LONG",
]);

/** One agent: one state machine, and the one task that starts it, watches over it and starts it again. */
export class Agent {
  readonly plan: AgentPlan;
  readonly log: LogBook;
  readonly #deps: AgentDeps;
  readonly #createdAt: string;
  readonly #source: string;
  #state: AgentState = "requested";
  #message: string | null = null;
  #activity: AgentActivity | null = null;
  #restarts = 0;
  #heartbeats = 0;
  #startedAt: string | null = null;
  #lastHeartbeatAt: string | null = null;
  #exit: ExitInfo | null = null;
  /** The present start, or the last one. */
  #incarnation: Incarnation | undefined;
  #stopping = new AbortController();
  #task: Promise<void> = Promise.resolve();

  constructor(plan: AgentPlan, deps: AgentDeps) {
    this.plan = plan;
    this.#deps = deps;
    this.log = new LogBook(deps.clock, deps.logBytesMax);
    this.#createdAt = timestamp(deps.clock);
    this.#source = `agent:${plan.agentId}`;
  }

  get state(): AgentState {
    return this.#state;
  }

  /** The running container. */
  get container(): Container | undefined {
    return this.#state === "running" || this.#state === "draining" ? this.#incarnation?.container : undefined;
  }

  get endpointPath(): string | undefined {
    return this.#incarnation?.endpoint?.socketPath;
  }

  get info(): AgentInfo {
    const container = this.#incarnation?.container;
    return {
      agent_id: this.plan.agentId,
      agent_type: this.plan.manifest.name,
      state: this.#state,
      activity: this.#activity,
      message: this.#message,
      container_id: container?.id ?? null,
      pid: this.container?.pid ?? null,
      isolation: this.#incarnation?.isolation ?? null,
      epoch: this.#incarnation?.epoch ?? 0,
      restarts: this.#restarts,
      created_at: this.#createdAt,
      started_at: this.#startedAt,
      last_heartbeat_at: this.#lastHeartbeatAt,
      heartbeats: this.#heartbeats,
      exit: this.#exit,
    };
  }

  /**
   * Starts the agent and the watch over it.
   * @param keepTrying whether a first start that fails is tried again, as every later one is
   * @returns when the agent has said hello; rejects with the BridgeError of the first start when that failed
   */
  start(keepTrying: boolean): Promise<void> {
    if (this.#state !== "requested") this.#move("requested");
    this.#startedAt = null;
    this.#stopping = new AbortController();
    const first = Promise.withResolvers<void>();
    this.#task = this.#watch(first, keepTrying).catch((error: unknown) => {
      this.#deps.logger.error({ error, agent: this.plan.agentId }, "agent watch failed");
      this.#state = "failed";
      this.#message = "A bug in the bridge ended the watch over it";
      first.reject(error);
    });
    return first.promise;
  }

  /** Ends the agent and waits until it has. Stopping a stopped agent does nothing. */
  async stop(graceMs: number): Promise<void> {
    if (!isLive(this.#state)) return;
    this.#stopping.abort();
    const container = this.#incarnation?.container;
    if (mayMove(this.#state, "draining")) this.#move("draining");
    await container?.stop(graceMs);
    await this.#task;
  }

  /** The agent says hello on its own socket. Resolves when it may know what it is. */
  async hello(): Promise<{ epoch: number }> {
    const incarnation = this.#incarnation;
    assert(incarnation !== undefined, "a socket belongs to a start");
    await incarnation.hello();
    this.#activity ??= "initializing";
    return { epoch: incarnation.epoch };
  }

  heartbeat({ seq, activity, rssBytes, lagMs }: Beat): void {
    this.#heartbeats += 1;
    this.#lastHeartbeatAt = timestamp(this.#deps.clock);
    this.#activity = activity;
    this.#deps.publish("agent.heartbeat", this.#source, {
      ...this.#who(),
      seq,
      activity,
      ...(rssBytes === undefined ? {} : { rss_bytes: rssBytes }),
      ...(lagMs === undefined ? {} : { lag_ms: lagMs }),
    });
  }

  report(activity: AgentActivity, message: string | undefined): void {
    this.#activity = activity;
    const said = message === undefined ? {} : { message };
    this.#deps.publish("agent.reported", this.#source, { ...this.#who(), activity, ...said });
  }

  async #watch(first: PromiseWithResolvers<void>, keepTrying: boolean): Promise<void> {
    const { clock } = this.#deps;
    for (;;) {
      const begunAt = clock.monotonic();
      const failure = await this.#live(first);
      const isAsked = this.#stopping.signal.aborted;
      const waitMs = isAsked ? this.#end(null) : this.#nextWait(failure, clock.monotonic() - begunAt, keepTrying);
      if (waitMs !== undefined) this.#move("backoff", failure?.message ?? this.#exit?.message ?? null);
      if (failure !== undefined) first.reject(failure);
      if (waitMs === undefined) return;
      await delay(clock, waitMs, this.#stopping.signal).catch(() => undefined);
      if (this.#stopping.signal.aborted) return this.#end(null);
      this.#restarts += 1;
    }
  }

  /** Lives one start through, from its socket to its end. Returns why the start failed, if it did. */
  async #live(first: PromiseWithResolvers<void>): Promise<BridgeError | undefined> {
    const incarnation = new Incarnation(this.plan, (this.#incarnation?.epoch ?? 0) + 1, {
      engine: this.#deps.engine,
      endpoints: this.#deps.endpoints,
      onOutput: ({ stream, line }) => this.log.write(stream, line),
      onContainer: () => this.#move("starting"),
    });
    this.#incarnation = incarnation;
    this.#heartbeats = 0;
    this.#activity = null;
    this.#move("creating");
    try {
      const deadline = AbortSignal.any([AbortSignal.timeout(this.#deps.helloDeadlineMs), this.#stopping.signal]);
      const container = await incarnation.bringUp(deadline);
      this.#onRunning(incarnation, container);
      first.resolve();
      this.#exit = await container.exited;
      return undefined;
    } catch (error) {
      return this.#asBridgeError(error);
    } finally {
      await incarnation.release();
    }
  }

  #onRunning(incarnation: Incarnation, container: Container): void {
    if (this.#state !== "starting") return;
    this.#startedAt = timestamp(this.#deps.clock);
    this.#move("running");
    const facts = { ...this.#who(), container_id: container.id, pid: container.pid };
    this.#deps.publish("agent.started", this.#source, { ...facts, isolation: incarnation.isolation ?? "none" });
    if (this.#restarts > 0) this.#deps.publish("agent.restarted", this.#source, { ...facts, restarts: this.#restarts });
  }

  /** Decides what follows an end: a wait in milliseconds, or undefined when the agent has come to rest. */
  #nextWait(failure: BridgeError | undefined, ranMs: number, keepTrying: boolean): number | undefined {
    const { restart } = this.plan.manifest;
    const why = failure?.message ?? this.#exit?.message ?? "It ended";
    this.log.write("bridge", why);
    const wasFirst = this.#startedAt === null;
    if (failure !== undefined && (permanent.has(failure.code) || (wasFirst && !keepTrying))) return this.#fail(why);
    const completed = failure === undefined && this.#exit?.reason === "completed";
    const endsHere = restart === "never" || (restart === "on-failure" && completed);
    const waitMs = endsHere ? undefined : this.#deps.policy.failed(this.#deps.clock.monotonic(), ranMs);
    if (failure === undefined && this.#exit !== null) {
      const exited = { ...this.#who(), exit: this.#exit, restart_in_ms: waitMs ?? null };
      this.#deps.publish("agent.exited", this.#source, exited);
    }
    if (waitMs !== undefined) return waitMs;
    if (completed && endsHere) this.#end(why);
    else this.#fail(endsHere ? why : `It ended too often to be started again; the last time: ${why}`);
    return undefined;
  }

  #fail(message: string): undefined {
    this.#move("failed", message);
    this.#deps.publish("agent.failed", this.#source, { ...this.#who(), message, exit: this.#exit });
  }

  #end(message: string | null): undefined {
    if (mayMove(this.#state, "draining")) this.#move("draining");
    if (this.#activity !== null) this.#activity = "terminated";
    this.#move("stopped", message);
    this.#deps.publish("agent.stopped", this.#source, { ...this.#who(), exit: this.#exit });
  }

  #asBridgeError(error: unknown): BridgeError {
    const { agentId } = this.plan;
    if (this.#stopping.signal.aborted)
      return new BridgeError("AGENT_START_FAILED", `${agentId} was stopped before it ran`);
    if (error instanceof BridgeError) return error;
    this.#deps.logger.error({ error, agent: agentId }, "agent start failed");
    return new BridgeError("AGENT_START_FAILED", `${agentId} did not start`, undefined, { cause: error });
  }

  #who() {
    const { agentId, manifest } = this.plan;
    return { agent_id: agentId, agent_type: manifest.name, epoch: this.#incarnation?.epoch ?? 0 };
  }

  #move(to: AgentState, message: string | null = null): void {
    assert(mayMove(this.#state, to), `an agent does not move from ${this.#state} to ${to}`);
    this.#deps.logger.info({ agent: this.plan.agentId, from: this.#state, to, reason: message }, "agent state");
    this.#state = to;
    this.#message = message;
  }
}
