import assert from "node:assert/strict";
import { BridgeError, type ExitInfo } from "@armorclaw/protocol";
import type { ContainerRecord } from "../../containers/index.ts";
import type { AgentDeps } from "./agent-deps.ts";
import type { AgentEvents } from "./agent-events.ts";
import type { AgentPlan } from "./agent-plan.ts";
import type { AgentStatus } from "./agent-status.ts";
import { HeartbeatMonitor } from "./heartbeat-monitor.ts";
import type { StartAttempt } from "./start-attempt.ts";

export interface AgentRunContext {
  readonly plan: AgentPlan;
  readonly deps: AgentDeps;
  readonly status: AgentStatus;
  readonly events: AgentEvents;
  readonly restarts: number;
  /** The container that an earlier bridge started for this agent. */
  readonly adopted: ContainerRecord | undefined;
  /** Aborts when the agent is asked to stop. */
  readonly stopping: AbortSignal;
}

/** One run of an agent: its start up to its hello, the watch over its heartbeats, and its end. */
export class AgentRun {
  readonly attempt: StartAttempt;
  readonly #context: AgentRunContext;
  readonly #heartbeats: HeartbeatMonitor;
  #silentMs: number | undefined;
  #killing: Promise<void> | undefined;
  #isRetired = false;

  constructor(attempt: StartAttempt, context: AgentRunContext) {
    this.attempt = attempt;
    this.#context = context;
    const { plan, deps, events } = context;
    events.epoch = attempt.epoch;
    this.#heartbeats = new HeartbeatMonitor(deps.clock, plan.manifest.heartbeat_ms, deps.settings, (silentMs) => {
      this.#silentMs = silentMs;
      events.publish("agent.hung", { silent_ms: silentMs });
      this.#killing = attempt.container?.kill();
    });
  }

  /** Whether heartbeats come in time; null while none is due. */
  get isLive(): boolean | null {
    return this.#heartbeats.isLive;
  }

  /** Whether the run was ended because the agent was idle. */
  get isRetired(): boolean {
    return this.#isRetired;
  }

  /** Resolves when the agent has called agent.hello on its own socket and runs. Rejects when the start fails. */
  async start(): Promise<void> {
    const { adopted, deps, status, events, restarts, stopping } = this.#context;
    status.move("creating");
    const deadline = AbortSignal.any([AbortSignal.timeout(deps.settings.helloDeadlineMs), stopping]);
    const observer = {
      onOutput: deps.log.writeOutput.bind(deps.log),
      lastSeen: () => deps.log.lastSeen(),
      onContainer: () => status.move("starting"),
    };
    const container = await this.attempt.start(deadline, observer, adopted?.id);
    // The agent may have been asked to stop while it started.
    if (status.state !== "starting") return;
    status.move("running");
    events.running(container, this.attempt.isolation ?? "none", adopted !== undefined, restarts);
    this.#heartbeats.start();
    deps.standby.prepare(this.attempt.epoch);
  }

  beat(): void {
    this.#heartbeats.beat();
  }

  /** Stops the container because the agent is idle. */
  async retire(graceMs: number): Promise<void> {
    this.#isRetired = true;
    await this.#context.deps.standby.release();
    await this.attempt.container?.stop(graceMs);
  }

  /** Freezes the container and pauses the heartbeat deadline. */
  async freeze(): Promise<void> {
    this.#heartbeats.stop();
    await this.attempt.container?.pause();
  }

  async thaw(): Promise<void> {
    await this.attempt.container?.resume();
    this.#heartbeats.start();
  }

  /** Resolves with how the container ended. Publishes agent.died at the first sign of it, unless the end was asked for. */
  async end(): Promise<ExitInfo> {
    const { container } = this.attempt;
    assert(container !== undefined, "a run that has started has a container");
    try {
      await container.gone;
      this.#heartbeats.stop();
      if (!this.#context.stopping.aborted && !this.#isRetired) this.#context.events.publish("agent.died", {});
      const exit = await container.exited;
      await this.#killing;
      if (this.#silentMs === undefined) return exit;
      const message = `It gave no sign of life for ${(this.#silentMs / 1000).toFixed(1)} s and was killed`;
      return { ...exit, reason: "hung", message };
    } finally {
      this.#heartbeats.stop();
    }
  }
}

/** The error with which a start is answered. What is no BridgeError is a bug and is logged. */
export function explainStartFailure(
  error: unknown,
  agentId: string,
  stopping: AbortSignal,
  logger: AgentDeps["logger"],
): BridgeError {
  if (stopping.aborted) return new BridgeError("AGENT_START_FAILED", `${agentId} was stopped before it ran`);
  if (error instanceof BridgeError) return error;
  logger.error({ error, agent: agentId }, "agent start failed");
  return new BridgeError("AGENT_START_FAILED", `${agentId} did not start`, undefined, { cause: error });
}
