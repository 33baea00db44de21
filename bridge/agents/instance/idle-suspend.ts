import type { ExitInfo } from "@armorclaw/protocol";
import { type Clock, delay } from "../../platform/clock.ts";
import type { AgentEvents } from "./agent-events.ts";
import type { AgentInbox } from "./agent-inbox.ts";
import type { AgentPlan } from "./agent-plan.ts";
import type { AgentRun } from "./agent-run.ts";
import type { AgentStatus } from "./agent-status.ts";
import type { AgentRecord } from "./store.ts";

/** How often the idle time is checked until the agent is suspended, at the latest after `checkMsMax`. */
const checksPerWait = 4;
const checkMsMax = 5_000;

export interface IdleSuspendDeps {
  readonly inbox: AgentInbox;
  readonly clock: Clock;
  readonly stopGraceMs: number;
  readonly status: AgentStatus;
  readonly events: AgentEvents;
  readonly save: (change: Partial<AgentRecord>) => Promise<void>;
  /** The standby, which ends with a run that is retired. */
  readonly standby: { release(): Promise<void> } | undefined;
  /** Owns a promise that no caller awaits: its failure is logged. */
  readonly background: (work: Promise<unknown>) => void;
}

/**
 * Suspends an agent while it is idle, and wakes it when something arrives for it. What arrived is in the event log and not
 * acknowledged yet, so that the agent is woken even after a crash of the bridge.
 */
export class IdleSuspend {
  readonly #plan: AgentPlan;
  readonly #deps: IdleSuspendDeps;
  #busyAtMs = 0;
  #waking = new AbortController();

  constructor(plan: AgentPlan, deps: IdleSuspendDeps) {
    this.#plan = plan;
    this.#deps = deps;
  }

  /** Records that the agent works, or was asked to. */
  markBusy(): void {
    this.#busyAtMs = this.#deps.clock.now();
  }

  /** Wakes the agent because a person asked for it. */
  wake(): void {
    this.#waking.abort();
  }

  /** Suspends and wakes the agent during a run. Resolves with how the run ended. */
  async untilEnd(run: AgentRun, stopping: AbortSignal): Promise<ExitInfo> {
    const ended = new AbortController();
    const end = run.end(stopping).finally(() => ended.abort());
    this.#deps.background(this.#watch(run, AbortSignal.any([stopping, ended.signal])));
    return await end;
  }

  /** Waits without a container until the agent is needed. Resolves with false when the agent is asked to stop instead. */
  async untilNeeded(stopping: AbortSignal): Promise<boolean> {
    const { subscriptions } = this.#plan;
    const channels = subscriptions.length === 0 ? "" : `: ${subscriptions.join(", ")}`;
    this.#deps.status.move("suspended", `It has nothing to do until something arrives for it${channels}`);
    return await this.#wait(stopping);
  }

  async #watch(run: AgentRun, signal: AbortSignal): Promise<void> {
    const { idle } = this.#plan.manifest;
    const { status, save, events, stopGraceMs, standby } = this.#deps;
    if (idle === undefined) return;
    this.markBusy();
    for (;;) {
      const idleMs = await this.#untilIdle(idle.suspend_after_ms, signal);
      if (idleMs === undefined) return;
      if (status.state !== "running") continue;
      await save({ isSuspended: true });
      if (signal.aborted) return;
      events.publish("agent.suspended", { mode: idle.mode, idle_ms: idleMs });
      if (idle.mode === "stop") return await run.retire(stopGraceMs, standby);
      await run.freeze();
      status.move("suspended", "It is frozen until something arrives for it");
      if (!(await this.#wait(signal))) return;
      await save({ isSuspended: false });
      await run.thaw();
      status.move("running");
      this.markBusy();
    }
  }

  /** Resolves with the idle time once it has reached `afterMs`, or with undefined when the signal aborts first. */
  async #untilIdle(afterMs: number, signal: AbortSignal): Promise<number | undefined> {
    const { clock, inbox } = this.#deps;
    for (;;) {
      await delay(clock, Math.min(checkMsMax, Math.ceil(afterMs / checksPerWait)), signal).catch(() => undefined);
      if (signal.aborted) return undefined;
      const takenAtMs = inbox.takenAtMs(this.#plan.agentId);
      if (takenAtMs === undefined) this.markBusy();
      const idleMs = clock.now() - Math.max(this.#busyAtMs, takenAtMs ?? 0);
      if (idleMs >= afterMs) return idleMs;
    }
  }

  /** Waits until something arrives for the agent or a person wakes it. Resolves with false when `stopping` aborts first. */
  async #wait(stopping: AbortSignal): Promise<boolean> {
    this.#waking = new AbortController();
    const signal = AbortSignal.any([stopping, this.#waking.signal]);
    const event = await this.#deps.inbox.whenNeeded(this.#plan.agentId, signal);
    if (stopping.aborted) return false;
    this.#deps.events.publish("agent.woken", { event_id: event?.id ?? null, event_type: event?.type ?? null });
    return true;
  }
}
