import type { ContainerRecord, Engine } from "../../containers/index.ts";
import type { Logger } from "../../logging/index.ts";
import type { Clock, Timer } from "../../platform/clock.ts";
import type { Agent } from "../instance/agent.ts";
import type { EngineMonitor } from "./engine-monitor.ts";
import { findOrphans } from "./reconcile.ts";

/** The engine's time to list and to remove containers. */
const sweepDeadlineMs = 60_000;

export interface OrphanCollectorDeps {
  readonly engine: Engine;
  readonly engineMonitor: EngineMonitor;
  readonly live: () => readonly Agent[];
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Compares the engine's containers with the live agents at an interval: removes orphans, and has agents check containers that the engine does not list. */
export class OrphanCollector {
  readonly #deps: OrphanCollectorDeps;
  #suspects: ReadonlySet<string> = new Set();
  #timer: Timer | undefined;
  #pass: Promise<void> | undefined;

  constructor(deps: OrphanCollectorDeps) {
    this.#deps = deps;
  }

  start(everyMs: number): void {
    this.#timer = this.#deps.clock.every(everyMs, () => {
      this.#pass ??= this.#collect().finally(() => {
        this.#pass = undefined;
      });
    });
  }

  async stop(): Promise<void> {
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

  async #collect(): Promise<void> {
    const { engineMonitor, live, logger } = this.#deps;
    try {
      if (!(await engineMonitor.check())) return;
      const containers = await this.list();
      const running = new Set<string>(containers.filter((one) => one.running).map(({ id }) => id));
      for (const { container } of live()) if (container !== undefined && !running.has(container.id)) container.look();
      const held = live().flatMap(({ plan: { agentId }, epochs }) => epochs.map((epoch) => ({ agentId, epoch })));
      const found = findOrphans(containers, held, this.#suspects);
      this.#suspects = found.suspects;
      await this.remove(found.orphans, "no agent holds it");
    } catch (error) {
      logger.warn({ error }, "containers could not be compared with the agents");
    }
  }
}
