import type { Logger } from "../../logging/index.ts";
import { type Clock, delay } from "../../platform/clock.ts";
import type { AgentPlan } from "./plan.ts";
import { Incarnation, type IncarnationDeps } from "./start-attempt.ts";
import type { StartGate } from "./start-limiter.ts";

export interface WarmStandbyDeps extends IncarnationDeps {
  readonly gate: StartGate;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly helloDeadlineMs: number;
}

/** One that does not come to stand, or ends while it does, is made anew after this long, and so often in a row. */
const againMs = 1_000;
const triesMax = 5;
/** One that ends after this long was none of a row. */
const longMs = 10 * 60_000;

/**
 * The next start of one agent, made ahead where its loop asks for it: its container runs and was attested, and not a byte
 * of what it says is read before it is taken.
 */
export class WarmStandby {
  readonly #plan: AgentPlan;
  readonly #deps: WarmStandbyDeps;
  #standing: Incarnation | undefined;
  #lastEpoch = 0;
  #ending = new AbortController();
  #keeping: Promise<void> = Promise.resolve();

  constructor(plan: AgentPlan, deps: WarmStandbyDeps) {
    this.#plan = plan;
    this.#deps = deps;
  }

  /** Of the one that stands by; null where none does, and where the engine cannot tell. */
  get pid(): number | null {
    return this.#standing?.container?.pid ?? null;
  }

  /** The highest that it has used. What an epoch leaves may still be being removed, so none is used twice. */
  get lastEpoch(): number {
    return this.#lastEpoch;
  }

  /** Begins to make a start that comes after the one of this epoch. */
  prepare(epoch: number): void {
    if (!this.#plan.manifest.standby) return;
    this.#lastEpoch = Math.max(this.#lastEpoch, epoch);
    this.#ending.abort();
    this.#ending = new AbortController();
    const before = this.#keeping;
    this.#keeping = this.#keep(before, this.#ending.signal).catch((error: unknown) =>
      this.#deps.logger.error({ error, agent: this.#plan.agentId }, "a standby could not be kept"),
    );
  }

  /** Gives away the one that stands by. What is only about to stand is given up. */
  async take(): Promise<Incarnation | undefined> {
    const standing = this.#standing;
    this.#standing = undefined;
    await this.release();
    return standing;
  }

  /** Ends it. */
  async release(): Promise<void> {
    this.#ending.abort();
    await this.#keeping;
  }

  async #keep(before: Promise<void>, ending: AbortSignal): Promise<void> {
    await before;
    const { clock, logger } = this.#deps;
    for (let tries = 1; tries <= triesMax; tries++) {
      if (ending.aborted) return;
      const begunAt = clock.monotonic();
      this.#lastEpoch += 1;
      const incarnation = new Incarnation(this.#plan, this.#lastEpoch, this.#deps);
      const isTaken = await this.#stand(incarnation, ending);
      if (isTaken) return;
      await incarnation.release();
      if (clock.monotonic() - begunAt >= longMs) tries = 0;
      await delay(clock, againMs, ending).catch(() => undefined);
    }
    if (!ending.aborted)
      logger.warn({ agent: this.#plan.agentId }, "no standby is made any more before the agent's next start");
  }

  /** Resolves when it stands no more: with whether it was taken. */
  async #stand(incarnation: Incarnation, ending: AbortSignal): Promise<boolean> {
    const { gate, helloDeadlineMs, logger } = this.#deps;
    const deadline = AbortSignal.any([AbortSignal.timeout(helloDeadlineMs), ending]);
    try {
      const container = await gate.through(() => incarnation.standBy(deadline), ending);
      this.#standing = incarnation;
      await Promise.race([container.gone, aborted(ending)]);
      if (this.#standing !== incarnation) return true;
      this.#standing = undefined;
      return false;
    } catch (error) {
      if (!ending.aborted) logger.warn({ error, agent: this.#plan.agentId }, "A standby did not come to stand");
      return false;
    }
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
