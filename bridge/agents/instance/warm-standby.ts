import type { Logger } from "../../logging/index.ts";
import { beforeAbort } from "../../platform/abort.ts";
import { delay } from "../../platform/clock.ts";
import type { AgentPlan } from "./agent-plan.ts";
import { AgentRun, type AgentRunDeps } from "./agent-run.ts";
import type { StartQueue } from "./start-queue.ts";

export interface WarmStandbyDeps extends AgentRunDeps {
  readonly starts: StartQueue;
  readonly logger: Logger;
}

/** The wait before a standby that failed or ended is replaced. */
const retryAfterMs = 1_000;
/** Failures in a row after which no further standby is started. */
const failuresMax = 5;
/** A standby that ran for this long resets the count of failures. */
const healthyAfterMs = 10 * 60_000;

/**
 * The next run of an agent, started ahead where its loop sets `standby`: the container runs and was attested, and the bridge
 * reads nothing from its connection before it is taken.
 */
export class WarmStandby {
  readonly #plan: AgentPlan;
  readonly #deps: WarmStandbyDeps;
  #ready: AgentRun | undefined;
  #lastEpoch = 0;
  #ending = new AbortController();
  #maintaining: Promise<void> = Promise.resolve();

  constructor(plan: AgentPlan, deps: WarmStandbyDeps) {
    this.#plan = plan;
    this.#deps = deps;
  }

  /** The process of a standby that is ready; null where there is none, or where the engine cannot tell. */
  get pid(): number | null {
    return this.#ready?.container?.pid ?? null;
  }

  /** The highest epoch that was used. No epoch is used twice, as what an earlier start left may not be removed yet. */
  get lastEpoch(): number {
    return this.#lastEpoch;
  }

  /** Starts to make a standby whose epoch follows the given one. */
  prepare(epoch: number): void {
    this.#lastEpoch = Math.max(this.#lastEpoch, epoch);
    this.#ending.abort();
    this.#ending = new AbortController();
    const before = this.#maintaining;
    this.#maintaining = this.#maintain(before, this.#ending.signal).catch((error: unknown) =>
      this.#deps.logger.error({ error, agent: this.#plan.agentId }, "the standby task failed"),
    );
  }

  /** Returns the standby if it is ready, which the caller then owns. A standby that is not ready yet is ended. */
  async take(): Promise<AgentRun | undefined> {
    const ready = this.#ready;
    this.#ready = undefined;
    await this.release();
    return ready;
  }

  /** Ends the standby. */
  async release(): Promise<void> {
    this.#ending.abort();
    await this.#maintaining;
  }

  async #maintain(before: Promise<void>, ending: AbortSignal): Promise<void> {
    await before;
    const { clock, logger } = this.#deps;
    for (let tries = 1; tries <= failuresMax; tries++) {
      if (ending.aborted) return;
      const startedAtMs = clock.monotonic();
      this.#lastEpoch += 1;
      const run = new AgentRun(this.#plan, this.#lastEpoch, this.#deps);
      const wasTaken = await this.#runOnce(run, ending);
      if (wasTaken) return;
      await run.release();
      if (clock.monotonic() - startedAtMs >= healthyAfterMs) tries = 0;
      await delay(clock, retryAfterMs, ending).catch(() => undefined);
    }
    if (!ending.aborted)
      logger.warn({ agent: this.#plan.agentId }, "no further standby is started before the agent's next start");
  }

  /** Resolves with whether the standby was taken, once it was or has ended. */
  async #runOnce(run: AgentRun, ending: AbortSignal): Promise<boolean> {
    const { starts, settings, logger } = this.#deps;
    const deadline = AbortSignal.any([AbortSignal.timeout(settings.helloDeadlineMs), ending]);
    try {
      const container = await starts.run(() => run.prestart(deadline), ending);
      this.#ready = run;
      await beforeAbort(container.gone, ending);
      if (this.#ready !== run) return true;
      this.#ready = undefined;
      return false;
    } catch (error) {
      if (!ending.aborted) logger.warn({ error, agent: this.#plan.agentId }, "a standby did not start");
      return false;
    }
  }
}
