import type { EventEnvelope, ExitInfo } from "@armorclaw/protocol";
import { type Clock, delay } from "../../platform/clock.ts";
import type { AgentVoice } from "./agent-events.ts";
import type { AgentMail } from "./agent-inbox.ts";
import type { AgentLife } from "./agent-run.ts";
import type { AgentFacts } from "./agent-status.ts";
import type { AgentPlan } from "./plan.ts";
import type { AgentRecord } from "./records.ts";

/** How often an agent is looked at, as a share of the time after which it is suspended. */
const looks = 4;
const lookMsMax = 5_000;

export interface IdleSuspendDeps {
  readonly mail: AgentMail;
  readonly clock: Clock;
  readonly stopGraceMs: number;
  readonly facts: AgentFacts;
  readonly voice: AgentVoice;
  readonly save: (change: Partial<AgentRecord>) => Promise<void>;
  /** Takes what nobody waits for: its failure is logged. */
  readonly background: (work: Promise<unknown>) => void;
}

/**
 * Puts an agent away while it has nothing to do, and wakes it when something comes for it. What came is in the log and not
 * yet taken, so that a crash at any moment wakes it all the same.
 */
export class IdleSuspend {
  readonly #plan: AgentPlan;
  readonly #deps: IdleSuspendDeps;
  #busyAtMs = 0;
  #byHand = new AbortController();

  constructor(plan: AgentPlan, deps: IdleSuspendDeps) {
    this.#plan = plan;
    this.#deps = deps;
  }

  /** Keeps the position of the agent's subscriptions; an agent that was at rest begins anew. */
  async begin(wasAtRest: boolean): Promise<void> {
    const { agentId, subscriptions } = this.#plan;
    if (subscriptions.length > 0) await this.#deps.mail.keep(agentId, subscriptions, { beginAnew: wasAtRest });
  }

  /** It works, or is asked to. */
  busy(): void {
    this.#busyAtMs = this.#deps.clock.now();
  }

  /** A person wants it. */
  wake(): void {
    this.#byHand.abort();
  }

  /** Lives a start out, suspended and woken meanwhile. Resolves with how it ended. */
  async liveOut(life: AgentLife, stopping: AbortSignal): Promise<ExitInfo | null> {
    const ended = new AbortController();
    const end = life.end().finally(() => ended.abort());
    this.#deps.background(this.#watch(life, AbortSignal.any([stopping, ended.signal])));
    return await end;
  }

  /** Stays without a container until it is needed. False when it is asked to end instead. */
  async untilNeeded(stopping: AbortSignal): Promise<boolean> {
    const { subscriptions } = this.#plan;
    this.#deps.facts.move(
      "suspended",
      `It has nothing to do until something comes for it${subscriptions.length === 0 ? "" : `: ${subscriptions.join(", ")}`}`,
    );
    return await this.#rest(stopping);
  }

  async #watch(life: AgentLife, signal: AbortSignal): Promise<void> {
    const { idle } = this.#plan.manifest;
    const { facts, save, voice, stopGraceMs } = this.#deps;
    if (idle === undefined) return;
    this.busy();
    for (;;) {
      const idleMs = await this.#idle(idle.suspend_after_ms, signal);
      if (idleMs === undefined) return;
      if (facts.state !== "running") continue;
      await save({ isSuspended: true });
      if (signal.aborted) return;
      voice.say("agent.suspended", { mode: idle.mode, idle_ms: idleMs });
      if (idle.mode === "stop") return await life.retire(stopGraceMs);
      await life.freeze();
      facts.move("suspended", "It is frozen until something comes for it");
      if (!(await this.#rest(signal))) return;
      await save({ isSuspended: false });
      await life.thaw();
      facts.move("running");
      this.busy();
    }
  }

  /** How long it has had nothing to do, once that is long enough; undefined when the signal aborts first. */
  async #idle(afterMs: number, signal: AbortSignal): Promise<number | undefined> {
    const { clock, mail } = this.#deps;
    for (;;) {
      await delay(clock, Math.min(lookMsMax, Math.ceil(afterMs / looks)), signal).catch(() => undefined);
      if (signal.aborted) return undefined;
      const takenAtMs = mail.takenAtMs(this.#plan.agentId);
      if (takenAtMs === undefined) this.busy();
      const idleMs = clock.now() - Math.max(this.#busyAtMs, takenAtMs ?? 0);
      if (idleMs >= afterMs) return idleMs;
    }
  }

  async #rest(stopping: AbortSignal): Promise<boolean> {
    this.#byHand = new AbortController();
    const byHand = this.#byHand.signal;
    const event = await this.#deps.mail.whenNeeded(this.#plan.agentId, AbortSignal.any([stopping, byHand]));
    if (stopping.aborted) return false;
    this.#tell(event);
    return true;
  }

  #tell(event: EventEnvelope | undefined): void {
    this.#deps.voice.say("agent.woken", { event_id: event?.id ?? null, event_type: event?.type ?? null });
  }
}
