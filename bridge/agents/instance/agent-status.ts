import assert from "node:assert/strict";
import type { AgentActivity, AgentInfo, AgentState, ExitInfo } from "@armorclaw/protocol";
import type { Logger } from "../../logging/index.ts";
import { type Clock, timestamp } from "../../platform/clock.ts";
import type { AgentDeps } from "./agent-deps.ts";
import type { AgentPlan } from "./plan.ts";
import type { AgentRecord } from "./records.ts";
import type { Incarnation } from "./start-attempt.ts";
import { isUp, mayMove } from "./state.ts";
import type { WarmStandby } from "./warm-standby.ts";

/** What is known of an agent now. Its state changes by `move` alone. */
export class AgentFacts {
  readonly #plan: AgentPlan;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #standby: WarmStandby;
  #state: AgentState = "requested";
  #startedAt: string | null = null;
  #lastHeartbeatAt: string | null = null;
  #heartbeats = 0;
  message: string | null = null;
  activity: AgentActivity | null = null;
  exit: ExitInfo | null = null;

  constructor(plan: AgentPlan, { clock, logger, standby }: Pick<AgentDeps, "clock" | "logger" | "standby">) {
    this.#plan = plan;
    this.#standby = standby;
    this.#clock = clock;
    this.#logger = logger;
  }

  get state(): AgentState {
    return this.#state;
  }

  /** Whether it has said hello since it was last asked to start. */
  get hasRun(): boolean {
    return this.#startedAt !== null;
  }

  get isReady(): boolean {
    return this.#state === "running" && (this.activity === "active" || this.activity === "busy");
  }

  may(move: AgentState): boolean {
    return mayMove(this.#state, move);
  }

  move(to: AgentState, message: string | null = null): void {
    assert(this.may(to), `an agent does not move from ${this.#state} to ${to}`);
    this.#logger.info({ agent: this.#plan.agentId, from: this.#state, to, reason: message }, "agent state");
    if (to === "requested") this.#startedAt = null;
    if (to === "running" && this.#state === "starting") this.#startedAt = timestamp(this.#clock);
    if (to === "creating") {
      this.#heartbeats = 0;
      this.activity = null;
    }
    this.#state = to;
    this.message = message;
  }

  /** Says what it waits for before it may start. */
  waits(message: string): void {
    this.message = message;
  }

  /** The watch over it has failed, whatever it was doing. */
  broke(message: string): void {
    this.#state = "failed";
    this.message = message;
  }

  beat(): void {
    this.#heartbeats += 1;
    this.#lastHeartbeatAt = timestamp(this.#clock);
  }

  info(incarnation: Incarnation | undefined, record: AgentRecord, isLive: boolean | null): AgentInfo {
    const { agentId, manifest, expiresAtMs } = this.#plan;
    const container = incarnation?.container;
    return {
      agent_id: agentId,
      agent_type: manifest.name,
      state: this.#state,
      activity: this.activity,
      ready: this.isReady,
      live: this.#state === "running" ? isLive : null,
      message: this.message,
      container_id: container?.id ?? null,
      pid: isUp(this.#state) ? (container?.pid ?? null) : null,
      standby_pid: this.#standby.pid,
      isolation: incarnation?.isolation ?? null,
      epoch: incarnation?.epoch ?? record.epoch,
      restarts: record.restarts,
      created_at: new Date(record.createdAtMs).toISOString(),
      started_at: this.#startedAt,
      last_heartbeat_at: this.#lastHeartbeatAt,
      heartbeats: this.#heartbeats,
      expires_at: expiresAtMs === null ? null : new Date(expiresAtMs).toISOString(),
      exit: this.exit,
    };
  }
}
