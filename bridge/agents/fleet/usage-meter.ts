import type { AgentUsage, UsageSample } from "@armorclaw/protocol";
import { type WorkspaceFill, workspaceFill } from "../../containers/index.ts";
import { type Clock, type Timer, timestamp } from "../../platform/clock.ts";
import type { Agent } from "../instance/agent.ts";

/** A reading sooner than this after the one before repeats its processor share, which would be noise. */
const readingIntervalMsMin = 250;
/** Kept of each agent: an hour at the usual interval. */
const samplesMax = 720;
/** Read in one go; then others get their turn. */
const agentsPerTurn = 10;

interface Reading {
  readonly at: number;
  readonly cpuNs: number;
  readonly percent: number | null;
}

/** Measures what running agents use; the processor share needs two readings. */
export class UsageMeter {
  readonly #clock: Clock;
  readonly #before = new WeakMap<object, Reading>();
  readonly #history = new WeakMap<Agent, UsageSample[]>();
  #timer: Timer | undefined;
  #sampling: Promise<void> | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Samples all agents at an interval. */
  begin(everyMs: number, running: () => readonly Agent[]): void {
    this.#timer = this.#clock.every(everyMs, () => {
      this.#sampling ??= this.#sample(running()).finally(() => {
        this.#sampling = undefined;
      });
    });
  }

  async end(): Promise<void> {
    this.#timer?.cancel();
    await this.#sampling;
  }

  async read(agent: Agent, historyLength: number): Promise<AgentUsage> {
    const { time: _, ...sample } = await this.#measure(agent);
    const history = this.#history.get(agent) ?? [];
    const workspace = await fillOf(agent);
    return {
      agent_id: agent.plan.agentId,
      ...sample,
      workspace_bytes: workspace?.usedBytes ?? null,
      workspace_size_bytes: workspace?.sizeBytes ?? null,
      log_bytes: agent.log.bytesWritten,
      log_bytes_dropped: agent.log.bytesDropped,
      events_refused: agent.eventQuota.refused,
      history: historyLength === 0 ? [] : history.slice(-historyLength),
    };
  }

  async #sample(agents: readonly Agent[]): Promise<void> {
    for (let at = 0; at < agents.length; at += agentsPerTurn) {
      for (const agent of agents.slice(at, at + agentsPerTurn)) {
        const history = this.#history.get(agent) ?? [];
        this.#history.set(agent, history);
        history.push(await this.#measure(agent));
        if (history.length > samplesMax) history.shift();
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async #measure(agent: Agent): Promise<UsageSample> {
    const { container } = agent;
    const usage = container === undefined ? null : await container.usage();
    return {
      time: timestamp(this.#clock),
      memory_bytes: usage?.memoryBytes ?? null,
      cpu_percent: container === undefined || usage === null ? null : this.#cpuPercent(container, usage.cpuNs),
      pids: usage?.pids ?? null,
      io_read_bytes: usage?.ioReadBytes ?? null,
      io_write_bytes: usage?.ioWriteBytes ?? null,
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

async function fillOf({ plan, container }: Agent): Promise<WorkspaceFill | undefined> {
  const pid = container?.pid ?? null;
  return plan.manifest.workspace === undefined || pid === null ? undefined : await workspaceFill(pid);
}
