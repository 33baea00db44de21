import type { AgentUsage } from "@armorclaw/protocol";
import type { Clock } from "../platform/clock.ts";
import type { Agent } from "./agent.ts";

/** A reading sooner than this after the one before repeats its processor share, which would be noise. */
const readingIntervalMsMin = 250;

/** Measures what running agents use; the processor share needs two readings. */
export class UsageMeter {
  readonly #clock: Clock;
  readonly #before = new WeakMap<object, { at: number; cpuNs: number; percent: number | null }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async read(agent: Agent): Promise<AgentUsage> {
    const { container } = agent;
    const usage = container === undefined ? null : await container.usage();
    if (container === undefined || usage === null) {
      return { agent_id: agent.plan.agentId, memory_bytes: null, cpu_percent: null, pids: null };
    }
    return {
      agent_id: agent.plan.agentId,
      memory_bytes: usage.memoryBytes,
      cpu_percent: this.#cpuPercent(container, usage.cpuNs),
      pids: usage.pids,
    };
  }

  #cpuPercent(container: object, cpuNs: number): number | null {
    const at = this.#clock.monotonic();
    const before = this.#before.get(container);
    if (before !== undefined && at - before.at < readingIntervalMsMin) return before.percent;
    const used = before === undefined ? null : (cpuNs - before.cpuNs) / 1e6 / (at - before.at);
    const percent = used === null ? null : Math.round(used * 1000) / 10;
    this.#before.set(container, { at, cpuNs, percent });
    return percent;
  }
}
