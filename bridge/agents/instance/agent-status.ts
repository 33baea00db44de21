import assert from "node:assert/strict";
import {
  type AgentActivity,
  type AgentId,
  type AgentState,
  BridgeError,
  type ContainerId,
  type ExitInfo,
  type Isolation,
  type LoopName,
} from "@armorclaw/protocol";
import type { Container } from "../../containers/index.ts";
import type { Logger } from "../../logging/index.ts";
import type { Clock } from "../../platform/clock.ts";
import type { AgentPlan } from "./agent-plan.ts";
import type { AgentRecord } from "./store.ts";

/** Every change of state that is allowed. A restart continues at `creating`; a stopped or failed agent may be started again. */
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

/** Whether an agent in this state holds a container and a name, or is about to. */
export const isLive = (state: AgentState): boolean => state !== "stopped" && state !== "failed";

/** Whether an agent in this state may have a container, running or frozen. A suspended one may have none. */
export const isUp = (state: AgentState): boolean =>
  state === "running" || state === "paused" || state === "suspended" || state === "draining";

/** @throws BridgeError AGENT_STATE_CONFLICT for an agent that is live; an agent that is not known rests */
export function requireResting(agentId: string, state: AgentState = "stopped"): void {
  if (!isLive(state)) return;
  throw new BridgeError("AGENT_STATE_CONFLICT", `${agentId} is ${state}; stop it first`, { state });
}

/** An agent as it is at one moment. */
export interface AgentSnapshot {
  readonly agentId: AgentId;
  readonly loop: LoopName;
  readonly state: AgentState;
  readonly activity: AgentActivity | null;
  readonly isReady: boolean;
  readonly isLive: boolean | null;
  readonly message: string | null;
  readonly containerId: ContainerId | null;
  readonly pid: number | null;
  readonly standbyPid: number | null;
  readonly isolation: Isolation | null;
  readonly epoch: number;
  readonly restarts: number;
  readonly createdAtMs: number;
  readonly startedAtMs: number | null;
  readonly lastHeartbeatAtMs: number | null;
  readonly heartbeats: number;
  readonly expiresAtMs: number | null;
  readonly exit: ExitInfo | null;
}

/** What is known of a run at one moment. */
export interface RunSnapshot {
  readonly epoch: number;
  readonly container: Container | undefined;
  readonly isolation: Isolation | null;
  readonly isLive: boolean | null;
}

/** The state of an agent and what the agent reported. The state changes by `move` alone. */
export class AgentStatus {
  readonly #plan: AgentPlan;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #state: AgentState = "requested";
  #startedAtMs: number | null = null;
  #lastHeartbeatAtMs: number | null = null;
  #heartbeats = 0;
  message: string | null = null;
  activity: AgentActivity | null = null;
  exit: ExitInfo | null = null;

  constructor(plan: AgentPlan, clock: Clock, logger: Logger) {
    this.#plan = plan;
    this.#clock = clock;
    this.#logger = logger;
  }

  get state(): AgentState {
    return this.#state;
  }

  /** Whether the agent has said hello since it was last asked to start. */
  get hasRun(): boolean {
    return this.#startedAtMs !== null;
  }

  get isReady(): boolean {
    return this.#state === "running" && (this.activity === "active" || this.activity === "busy");
  }

  may(move: AgentState): boolean {
    return moves[this.#state].includes(move);
  }

  move(to: AgentState, message: string | null = null): void {
    assert(this.may(to), `an agent does not move from ${this.#state} to ${to}`);
    this.#logger.info({ agent: this.#plan.agentId, from: this.#state, to, reason: message }, "agent state");
    if (to === "requested") this.#startedAtMs = null;
    if (to === "running" && this.#state === "starting") this.#startedAtMs = this.#clock.now();
    if (to === "creating") {
      this.#heartbeats = 0;
      this.activity = null;
    }
    this.#state = to;
    this.message = message;
  }

  /** Fails the agent from any state: its supervision has thrown. */
  fail(message: string): void {
    this.#state = "failed";
    this.message = message;
  }

  countHeartbeat(): void {
    this.#heartbeats += 1;
    this.#lastHeartbeatAtMs = this.#clock.now();
  }

  snapshot(run: RunSnapshot | undefined, record: AgentRecord, standbyPid: number | null): AgentSnapshot {
    const { agentId, loop, expiresAtMs } = this.#plan;
    const container = run?.container;
    return {
      agentId,
      loop,
      state: this.#state,
      activity: this.activity,
      isReady: this.isReady,
      isLive: this.#state === "running" ? (run?.isLive ?? null) : null,
      message: this.message,
      containerId: container?.id ?? null,
      pid: isUp(this.#state) ? (container?.pid ?? null) : null,
      standbyPid,
      isolation: run?.isolation ?? null,
      epoch: run?.epoch ?? record.epoch,
      restarts: record.restarts,
      createdAtMs: record.createdAtMs,
      startedAtMs: this.#startedAtMs,
      lastHeartbeatAtMs: this.#lastHeartbeatAtMs,
      heartbeats: this.#heartbeats,
      expiresAtMs,
      exit: this.exit,
    };
  }
}
