import type { Command } from "./command.ts";

/** The commands for agents and loops. */
export const agentsCommands: readonly Command[] = [
  {
    name: "ps",
    group: "Agents",
    summary: "List the agents; --all includes those that have ended",
    method: "agent.list",
    defaults: { all: false },
    short: { all: "a" },
  },
  {
    name: "loops",
    group: "Agents",
    summary: "List the loops, which are the kinds of agent that can be started",
    method: "loop.list",
  },
  { name: "start", group: "Agents", args: "LOOP", summary: "Start an agent of a loop", method: "agent.start" },
  { name: "stop", group: "Agents", args: "AGENT", summary: "Stop an agent", method: "agent.stop" },
  {
    name: "restart",
    group: "Agents",
    args: "AGENT",
    summary: "Stop an agent and start it again",
    method: "agent.restart",
  },
  { name: "pause", group: "Agents", args: "AGENT", summary: "Freeze an agent", method: "agent.pause" },
  {
    name: "agent remove-workspace",
    group: "Agents",
    args: "AGENT",
    summary: "Delete the workspace of a stopped agent",
    method: "agent.remove_workspace",
  },
  { name: "resume", group: "Agents", args: "AGENT", summary: "Let a paused agent continue", method: "agent.resume" },
  { name: "top", group: "Agents", summary: "Show live what the agents use; keys pause, stop and show logs", flags: [] },
  { name: "inspect", group: "Agents", args: "AGENT", summary: "Show the details of one agent", method: "agent.get" },
  {
    name: "logs",
    group: "Agents",
    args: "AGENT",
    summary: "Print what an agent wrote; -f follows",
    method: "agent.logs",
    short: { follow: "f", tail: "n" },
  },
  {
    name: "usage",
    group: "Agents",
    args: "[AGENT]",
    summary: "Show the memory and processor use of the agents",
    method: "agent.usage",
  },
];
