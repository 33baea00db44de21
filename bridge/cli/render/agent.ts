import type { AgentInfo, AgentUsage, LogLine, Result } from "@armorclaw/protocol";
import type { View } from "../core/output.ts";
import { visible } from "../core/visible.ts";
import { formatAge, formatBytes, formatDuration, formatTime } from "./format.ts";
import { renderTable } from "./table.ts";

const agentColumns = [
  { title: "AGENT" },
  { title: "LOOP", dropOrder: 5 },
  { title: "STATE" },
  { title: "ACTIVITY", dropOrder: 3 },
  { title: "ISOLATION", dropOrder: 6 },
  { title: "PID", dropOrder: 7 },
  { title: "UPTIME", dropOrder: 2 },
  { title: "RESTARTS", dropOrder: 4 },
  { title: "HEARTBEAT", dropOrder: 1 },
];

export function renderAgents({ agents }: Result<"agent.list">, view: View): string {
  if (agents.length === 0)
    return "No agents run. `armorclaw ps --all` lists those that have ended, `armorclaw loops` what can be started.";
  const rows = agents.map((agent) => [
    agent.agent_id,
    agent.agent_type,
    agent.state,
    agent.activity ?? "-",
    agent.isolation ?? "-",
    agent.pid === null ? "-" : String(agent.pid),
    isUp(agent) ? formatAge(agent.started_at, view.nowMs) : "-",
    String(agent.restarts),
    isUp(agent) ? formatAge(agent.last_heartbeat_at, view.nowMs) : "-",
  ]);
  return renderTable(agentColumns, rows, view);
}

const isUp = ({ state }: AgentInfo): boolean => state === "running" || state === "draining";

export function renderAgent(agent: AgentInfo, view: View): string {
  const { exit } = agent;
  const since = isUp(agent) ? ` for ${formatAge(agent.started_at, view.nowMs)}` : "";
  const heartbeat =
    agent.last_heartbeat_at === null
      ? "none yet"
      : `${agent.heartbeats}, the last ${formatAge(agent.last_heartbeat_at, view.nowMs)} ago`;
  const lines: (readonly [string, string | null])[] = [
    ["Agent", `${agent.agent_id}, of the loop ${agent.agent_type}`],
    ["State", `${agent.state}${since}`],
    ["Why", agent.message],
    ["Activity", agent.activity],
    ["Isolation", agent.isolation],
    ["Container", agent.container_id],
    ["Pid", agent.pid === null ? null : String(agent.pid)],
    ["Standby", agent.standby_pid === null ? null : `pid ${agent.standby_pid} is ready`],
    ["Heartbeats", heartbeat],
    ["Restarts", `${agent.restarts} (start ${agent.epoch})`],
    ["Last exit", exit === null ? null : `${exit.message} (${exit.reason}, code ${exit.code ?? "unknown"})`],
  ];
  return lines.flatMap(([label, text]) => (text === null ? [] : [`${label.padEnd(10)} ${visible(text)}`])).join("\n");
}

export function renderStarted(agent: AgentInfo): string {
  const where = [agent.isolation, agent.pid === null ? null : `pid ${agent.pid}`].filter((part) => part !== null);
  return visible(`${agent.agent_id} is ${agent.state}${where.length === 0 ? "" : ` (${where.join(", ")})`}`);
}

export function renderStopped(agent: Result<"agent.stop">): string {
  // The message of a clean exit says that the agent ended by itself, which is not what happened here.
  const isClean = agent.exit === null || agent.exit.code === 0;
  return visible(`${agent.agent_id} is ${agent.state}${isClean ? "" : `: ${agent.exit?.message}`}`);
}

/** The bytes in the workspace, and its size. */
export const workspaceOf = (usage: AgentUsage | undefined): string => {
  const { workspace_bytes = null, workspace_size_bytes = null } = usage ?? {};
  return workspace_bytes === null ? "-" : `${formatBytes(workspace_bytes)} of ${formatBytes(workspace_size_bytes)}`;
};

export function renderUsage({ agents }: Result<"agent.usage">, view: View): string {
  if (agents.length === 0) return "No agent runs.";
  const rows = agents.map((usage) => [
    usage.agent_id,
    formatBytes(usage.memory_bytes),
    usage.cpu_percent === null ? "-" : `${usage.cpu_percent.toFixed(1)} %`,
    usage.pids === null ? "-" : String(usage.pids),
    workspaceOf(usage),
  ]);
  const titles = ["AGENT", "MEMORY", "CPU", "PIDS", "WORKSPACE"];
  return renderTable(
    titles.map((title) => ({ title })),
    rows,
    view,
  );
}

export function renderLoops({ loops }: Result<"loop.list">, view: View): string {
  const rows = loops.map((loop) => [
    loop.name,
    String(loop.agents),
    formatDuration(loop.schedule.every_ms),
    loop.grants.join(", ") || "none",
    loop.summary,
  ]);
  const columns = [
    { title: "LOOP" },
    { title: "AGENTS" },
    { title: "EVERY", dropOrder: 1 },
    { title: "GRANTS", dropOrder: 2 },
    { title: "WHAT" },
  ];
  return renderTable(columns, rows, view);
}

export function renderLogLine({ time, stream, line }: LogLine, { paint, nowMs }: View): string {
  const text = `${formatTime(time, nowMs)} ${stream.padEnd(6)} ${visible(line)}`;
  return stream === "stdout" ? text : paint(stream === "stderr" ? "yellow" : "dim", text);
}
