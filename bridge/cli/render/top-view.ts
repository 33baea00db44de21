import type { AgentInfo, AgentUsage, LogLine } from "@armorclaw/protocol";
import type { View } from "../core/output.ts";
import { visible } from "../core/visible.ts";
import { renderLogLine, workspaceOf } from "./agent.ts";
import { type Limit, renderBurn } from "./budget.ts";
import { formatAge, formatBytes } from "./format.ts";
import { renderTable } from "./table.ts";

export const sortKeys = { c: "cpu", m: "memory", i: "io", n: "name" } as const;
export type SortKey = (typeof sortKeys)[keyof typeof sortKeys];

/** Everything that the screen shows. */
export interface TopState {
  readonly agents: readonly AgentInfo[];
  readonly usage: readonly AgentUsage[];
  readonly limits: readonly Limit[];
  readonly sort: SortKey;
  /** The agent that the keys act on. */
  readonly selected: string | undefined;
  /** The log lines of the selected agent, while they are shown. */
  readonly logs: readonly LogLine[] | undefined;
  /** What the last key did. */
  readonly notice: string;
}

export interface TopRow {
  readonly agent: AgentInfo;
  readonly usage: AgentUsage | undefined;
}

const columns = [
  { title: " AGENT" },
  { title: "STATE" },
  { title: "CPU" },
  { title: "MEMORY" },
  { title: "PIDS", dropOrder: 4 },
  { title: "READ", dropOrder: 5 },
  { title: "WRITTEN", dropOrder: 5 },
  { title: "WORKSPACE", dropOrder: 4 },
  { title: "RESTARTS", dropOrder: 3 },
  { title: "HEARTBEAT", dropOrder: 2 },
  { title: "UPTIME", dropOrder: 1 },
];

const help = "q quit  ↑↓ select  c m i n sort  p pause  r resume  s stop  l logs";
/** Lines besides agents and logs: titles, the number of hidden agents, the budget, a blank line, the notice and the keys. */
const otherLines = 6;
const agentLinesMin = 1;

/** The agents in the chosen order, each with its resource usage. */
export function topRows({ agents, usage, sort }: TopState): readonly TopRow[] {
  const byId = new Map(usage.map((one) => [one.agent_id, one]));
  const rows = agents.map((agent) => ({ agent, usage: byId.get(agent.agent_id) }));
  const weight = ({ usage: used }: TopRow): number => {
    if (sort === "cpu") return used?.cpu_percent ?? -1;
    if (sort === "memory") return used?.memory_bytes ?? -1;
    return (used?.io_read_bytes ?? 0) + (used?.io_write_bytes ?? 0);
  };
  const byName = (a: TopRow, b: TopRow) => (a.agent.agent_id < b.agent.agent_id ? -1 : 1);
  return rows.toSorted((a, b) => (sort === "name" ? byName(a, b) : weight(b) - weight(a) || byName(a, b)));
}

/** Renders the whole screen. It has at most as many lines as the terminal, and the selected agent is always visible. */
export function renderTop(state: TopState, view: View): string {
  const rows = topRows(state);
  const room = view.rows === undefined ? Number.POSITIVE_INFINITY : Math.max(0, view.rows - otherLines);
  const agentRoom = Math.max(agentLinesMin, state.logs === undefined ? room : Math.ceil(room / 2));
  const shown = around(rows, ({ agent }) => agent.agent_id === state.selected, agentRoom);
  const logRoom = Math.max(0, room - Math.max(1, shown.length));
  const logs = logRoom === 0 ? [] : (state.logs ?? []).slice(-logRoom).map((line) => renderLogLine(line, view));
  const table = rows.length === 0 ? "No agent runs." : renderTable(columns, shown.map(cellsOf(state, view)), view);
  const hidden = rows.length - shown.length;
  return [
    table,
    hidden === 0 ? "" : view.paint("dim", ` and ${hidden} more`),
    renderBurn(state.limits),
    "",
    ...logs,
    visible(state.notice),
    view.paint("dim", help),
  ].join("\n");
}

/** At most `room` entries, with the one that `isIt` finds among them. */
function around<T>(all: readonly T[], isIt: (one: T) => boolean, room: number): readonly T[] {
  if (all.length <= room) return all;
  const middle = Math.max(0, all.findIndex(isIt)) - Math.floor(room / 2);
  const from = Math.min(Math.max(0, middle), all.length - room);
  return all.slice(from, from + room);
}

const cellsOf =
  (state: TopState, view: View) =>
  ({ agent, usage }: TopRow): readonly string[] => [
    `${agent.agent_id === state.selected ? ">" : " "}${agent.agent_id}`,
    agent.live === false ? `${agent.state}, no heartbeat` : agent.state,
    usage?.cpu_percent === null || usage === undefined ? "-" : `${usage.cpu_percent.toFixed(1)} %`,
    formatBytes(usage?.memory_bytes ?? null),
    String(usage?.pids ?? "-"),
    formatBytes(usage?.io_read_bytes ?? null),
    formatBytes(usage?.io_write_bytes ?? null),
    workspaceOf(usage),
    String(agent.restarts),
    formatAge(agent.last_heartbeat_at, view.nowMs),
    formatAge(agent.started_at, view.nowMs),
  ];
