import type { Command } from "./command.ts";

/** The commands for agents and loops. */
export const agentsCommands: readonly Command[] = [
  {
    name: "ps",
    group: "Agents",
    summary: "List the agents; --all shows ended ones too",
    method: "agent.list",
    defaults: { all: false },
  },
  { name: "loops", group: "Agents", summary: "List the loops: what can be started", method: "loop.list" },
  { name: "start", group: "Agents", args: "LOOP", summary: "Start an agent of a loop", method: "agent.start" },
  { name: "stop", group: "Agents", args: "AGENT", summary: "Stop an agent", method: "agent.stop" },
  {
    name: "restart",
    group: "Agents",
    args: "AGENT",
    summary: "Stop an agent and start it again",
    method: "agent.restart",
  },
  { name: "pause", group: "Agents", args: "AGENT", summary: "Freeze an agent where it stands", method: "agent.pause" },
  {
    name: "agent remove-workspace",
    group: "Agents",
    args: "AGENT",
    summary: "Remove what an agent at rest has kept",
    method: "agent.remove_workspace",
  },
  { name: "resume", group: "Agents", args: "AGENT", summary: "Let a paused agent go on", method: "agent.resume" },
  { name: "top", group: "Agents", summary: "What the agents use, live; keys pause, stop and show logs", flags: [] },
  { name: "inspect", group: "Agents", args: "AGENT", summary: "Show all about one agent", method: "agent.get" },
  {
    name: "logs",
    group: "Agents",
    args: "AGENT",
    summary: "What an agent wrote; -f follows",
    method: "agent.logs",
    short: { follow: "f" },
  },
  {
    name: "usage",
    group: "Agents",
    args: "[AGENT]",
    summary: "Memory and processor use of the agents",
    method: "agent.usage",
  },
];
