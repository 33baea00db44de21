import type { AgentId } from "@armorclaw/protocol";
import { type WorkspaceFill, workspaceFill } from "../../containers/index.ts";
import type { Clock, Timer } from "../../platform/clock.ts";
import type { Agent } from "../instance/agent.ts";

/** A reading sooner than this after the one before repeats its processor share: a new share would be noise. */
const readingIntervalMsMin = 250;
/** Samples that are kept of each agent: an hour at the usual interval. */
const samplesMax = 720;
/** Agents that are read before other work gets its turn. */
const agentsPerTurn = 10;

/** One measurement. A field is null where the host cannot measure it. */
export interface UsageReading {
  readonly timeMs: number;
  readonly memoryBytes: number | null;
  /** The share of one processor since the reading before; null at the first reading. */
  readonly cpuPercent: number | null;
  readonly pids: number | null;
  readonly ioReadBytes: number | null;
  readonly ioWriteBytes: number | null;
}

export interface AgentUsageReading extends UsageReading {
  readonly agentId: AgentId;
  readonly workspace: WorkspaceFill | undefined;
  readonly logBytes: number;
  readonly logBytesDropped: number;
  readonly eventsRefused: number;
  /** Earlier readings, oldest first. */
  readonly history: readonly UsageReading[];
}

interface CpuReading {
  readonly at: number;
  readonly cpuNs: number;
  readonly percent: number | null;
}

/** Measures the resources that running agents use. The processor share needs two readings. */
export class UsageMeter {
  readonly #clock: Clock;
  readonly #before = new WeakMap<object, CpuReading>();
  readonly #history = new WeakMap<Agent, UsageReading[]>();
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

  async read(agent: Agent, historyLength: number): Promise<AgentUsageReading> {
    const reading = await this.#measure(agent);
    const history = this.#history.get(agent) ?? [];
    return {
      ...reading,
      agentId: agent.plan.agentId,
      workspace: await fillOf(agent),
      logBytes: agent.log.bytesWritten,
      logBytesDropped: agent.log.bytesDropped,
      eventsRefused: agent.eventQuota.refused,
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

  async #measure(agent: Agent): Promise<UsageReading> {
    const { container } = agent;
    const usage = container === undefined ? null : await container.usage();
    return {
      timeMs: this.#clock.now(),
      memoryBytes: usage?.memoryBytes ?? null,
      cpuPercent: container === undefined || usage === null ? null : this.#cpuPercent(container, usage.cpuNs),
      pids: usage?.pids ?? null,
      ioReadBytes: usage?.ioReadBytes ?? null,
      ioWriteBytes: usage?.ioWriteBytes ?? null,
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
