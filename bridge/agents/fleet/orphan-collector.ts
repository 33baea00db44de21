import type { ContainerRecord, Engine } from "../../containers/index.ts";
import type { Logger } from "../../logging/index.ts";
import type { Clock, Timer } from "../../platform/clock.ts";
import type { Agent } from "../instance/agent.ts";
import type { EngineWatch } from "./engine-monitor.ts";
import { findOrphans } from "./reconcile.ts";

/** Time for the engine to list and remove. */
const sweepDeadlineMs = 60_000;

export interface KeeperDeps {
  readonly engine: Engine;
  readonly engineWatch: EngineWatch;
  readonly live: () => readonly Agent[];
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Holds what runs against what should, at an interval: what has ended unheard is looked at, orphans are removed. */
export class Keeper {
  readonly #deps: KeeperDeps;
  #suspects: ReadonlySet<string> = new Set();
  #timer: Timer | undefined;
  #pass: Promise<void> | undefined;

  constructor(deps: KeeperDeps) {
    this.#deps = deps;
  }

  begin(everyMs: number): void {
    this.#timer = this.#deps.clock.every(everyMs, () => {
      this.#pass ??= this.#look().finally(() => {
        this.#pass = undefined;
      });
    });
  }

  async end(): Promise<void> {
    this.#timer?.cancel();
    await this.#pass;
  }

  async remove(containers: readonly ContainerRecord[], why: string): Promise<void> {
    const { engine, logger } = this.#deps;
    const deadline = AbortSignal.timeout(sweepDeadlineMs);
    for (const { id, agentId } of containers) {
      logger.warn({ container: id, agent: agentId, why }, "removing a container");
      await engine.remove(id, deadline);
    }
  }

  list(): Promise<readonly ContainerRecord[]> {
    return this.#deps.engine.list(AbortSignal.timeout(sweepDeadlineMs));
  }

  async #look(): Promise<void> {
    const { engineWatch, live, logger } = this.#deps;
    try {
      if (!(await engineWatch.check())) return;
      const containers = await this.list();
      const running = new Set<string>(containers.filter((one) => one.running).map(({ id }) => id));
      for (const { container } of live()) if (container !== undefined && !running.has(container.id)) container.look();
      const held = live().flatMap(({ plan: { agentId }, epochs }) => epochs.map((epoch) => ({ agentId, epoch })));
      const found = findOrphans(containers, held, this.#suspects);
      this.#suspects = found.suspects;
      await this.remove(found.orphans, "no agent holds it");
    } catch (error) {
      logger.warn({ error }, "what runs could not be compared with what should");
    }
  }
}
