import { BridgeError, type ExitInfo } from "@armorclaw/protocol";
import type { Container, ContainerRecord } from "../../containers/index.ts";
import type { AgentDeps } from "./agent-deps.ts";
import type { AgentVoice } from "./agent-events.ts";
import type { AgentFacts } from "./agent-status.ts";
import { Attendance } from "./liveness.ts";
import type { AgentPlan } from "./plan.ts";
import { Incarnation } from "./start-attempt.ts";

export interface AgentLifeParts {
  readonly plan: AgentPlan;
  readonly epoch: number;
  /** The container that an earlier bridge started for it. */
  readonly adopted: ContainerRecord | undefined;
  /** Its container stands by already. */
  readonly standby: Incarnation | undefined;
  readonly deps: AgentDeps;
  readonly facts: AgentFacts;
  readonly voice: AgentVoice;
  readonly restarts: number;
  /** Aborts when the agent is asked to end. */
  readonly stopping: AbortSignal;
}

/** One start of an agent lived through: up to its hello, and from there to its end under watch. */
export class AgentLife {
  readonly #parts: AgentLifeParts;
  readonly incarnation: Incarnation;
  #attendance: Attendance | undefined;
  #isRetired = false;

  constructor(parts: AgentLifeParts) {
    this.#parts = parts;
    const { plan, epoch, deps, standby, voice } = parts;
    voice.epoch = epoch;
    this.incarnation = standby ?? new Incarnation(plan, epoch, deps);
  }

  /** Undefined before its hello. */
  get attendance(): Attendance | undefined {
    return this.#attendance;
  }

  /** Resolves when the agent has said hello on its own socket and runs. Rejects when it does not come to that. */
  async begin(): Promise<void> {
    const { adopted, deps, facts, stopping } = this.#parts;
    facts.move("creating");
    const deadline = AbortSignal.any([AbortSignal.timeout(deps.helloDeadlineMs), stopping]);
    const owner = {
      onOutput: deps.log.writeOutput.bind(deps.log),
      lastSeen: () => deps.log.lastSeen(),
      onContainer: () => facts.move("starting"),
    };
    const container = await this.incarnation.bringUp(deadline, owner, adopted?.id);
    this.#attendance = this.#attend(container);
    if (facts.state !== "starting") return;
    facts.move("running");
    this.#parts.voice.running(
      container,
      this.incarnation.isolation ?? "none",
      adopted !== undefined,
      this.#parts.restarts,
    );
    this.#attendance.begin();
    deps.standby.prepare(this.#parts.epoch);
  }

  /** It was ended because it has nothing to do. */
  get isRetired(): boolean {
    return this.#isRetired;
  }

  /** Ends it: it has nothing to do. */
  async retire(graceMs: number): Promise<void> {
    this.#isRetired = true;
    await this.#parts.deps.standby.release();
    await this.incarnation.container?.stop(graceMs);
  }

  /** Stops it where it stands; it owes no signs of life then. */
  async freeze(): Promise<void> {
    this.#attendance?.suspend();
    await this.incarnation.container?.pause();
  }

  async thaw(): Promise<void> {
    await this.incarnation.container?.resume();
    this.#attendance?.begin();
  }

  /** Resolves with how it ended. */
  async end(): Promise<ExitInfo | null> {
    return (await this.#attendance?.end()) ?? null;
  }

  #attend(container: Container): Attendance {
    const { plan, deps, voice, stopping } = this.#parts;
    return new Attendance(container, deps.clock, {
      heartbeatMs: plan.manifest.heartbeat_ms,
      hangAfterMs: deps.hangAfterMs,
      onHung: (silentMs) => voice.say("agent.hung", { silent_ms: silentMs }),
      onGone: () => {
        if (!stopping.aborted && !this.#isRetired) voice.say("agent.died", {});
      },
    });
  }
}

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
