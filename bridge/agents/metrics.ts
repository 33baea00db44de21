import { type AgentState, agentStates } from "@armorclaw/protocol";
import type { DurableEventLog } from "../events/index.ts";
import type { GaugeSource } from "../rpc/index.ts";
import type { AgentSupervisor } from "./fleet/supervisor.ts";

interface Figure {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** The state of the agents, for `/metrics`. Counters start with the bridge, restarts with the agent. */
export function agentGauges(agents: AgentSupervisor, log: Pick<DurableEventLog, "watch">): readonly GaugeSource[] {
  const exits = new ExitCounts(log);
  const usage = usageReader(agents);
  const ofAgent = ["agent"];
  return [
    {
      name: "armorclaw_agents",
      help: "Agents by state",
      labelNames: ["state"],
      read: async () => byState(agents.list(true).map(({ state }) => state)),
    },
    {
      name: "armorclaw_agent_restarts_total",
      help: "Times that an agent was started again after it had ended, over restarts of the bridge",
      labelNames: ofAgent,
      isCounter: true,
      read: async () =>
        agents.list(true).map(({ agentId, restarts }) => ({ labels: { agent: agentId }, value: restarts })),
    },
    {
      name: "armorclaw_agent_exits_total",
      help: "Ends of agents by reason, such as oom, hung, killed and error",
      labelNames: ["agent", "reason"],
      isCounter: true,
      read: async () => exits.figures(new Set(agents.list(true).map(({ agentId }) => agentId))),
    },
    {
      name: "armorclaw_agent_memory_bytes",
      help: "Memory of an agent without reclaimable cache",
      labelNames: ofAgent,
      read: async () => (await usage()).map(({ labels, memoryBytes }) => ({ labels, value: memoryBytes })),
    },
    {
      name: "armorclaw_agent_cpu_seconds_total",
      help: "Processor time of an agent since its present start",
      labelNames: ofAgent,
      isCounter: true,
      read: async () => (await usage()).map(({ labels, cpuNs }) => ({ labels, value: cpuNs / 1e9 })),
    },
    {
      name: "armorclaw_agent_pids",
      help: "Processes and threads of an agent",
      labelNames: ofAgent,
      read: async () => (await usage()).map(({ labels, pids }) => ({ labels, value: pids })),
    },
    {
      name: "armorclaw_engine_reachable",
      help: "Whether the engine answered when it was last asked",
      labelNames: [],
      read: async () => [{ labels: {}, value: Number(agents.isEngineReachable) }],
    },
  ];
}

/** Every state has a figure, so that a state without agents shows as 0. */
function byState(states: readonly AgentState[]): Figure[] {
  return agentStates.map((state) => ({
    labels: { state },
    value: states.filter((one) => one === state).length,
  }));
}

/** Counts how agents end, for as long as the supervisor remembers them. */
class ExitCounts {
  readonly #counts = new Map<string, Map<string, number>>();

  constructor(log: Pick<DurableEventLog, "watch">) {
    log.watch({ channels: ["agent.*.exited"] }, ({ data }) => {
      const { agent_id: agent, exit } = data as { agent_id: string; exit: { reason: string } };
      const reasons = this.#counts.get(agent) ?? new Map<string, number>();
      this.#counts.set(agent, reasons);
      reasons.set(exit.reason, (reasons.get(exit.reason) ?? 0) + 1);
    });
  }

  figures(known: ReadonlySet<string>): Figure[] {
    for (const agent of this.#counts.keys()) if (!known.has(agent)) this.#counts.delete(agent);
    return [...this.#counts].flatMap(([agent, reasons]) =>
      [...reasons].map(([reason, value]) => ({ labels: { agent, reason }, value })),
    );
  }
}

/** One measurement for all the figures of a page. */
function usageReader(agents: AgentSupervisor) {
  const measure = async () => {
    const all = await Promise.all(
      agents.live.map(async ({ plan, container }) => {
        const usage = await container?.usage();
        return usage === undefined || usage === null ? [] : [{ labels: { agent: plan.agentId }, ...usage }];
      }),
    );
    return all.flat();
  };
  let measuring: ReturnType<typeof measure> | undefined;
  return () => {
    measuring ??= measure().finally(() => {
      measuring = undefined;
    });
    return measuring;
  };
}
