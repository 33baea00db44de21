import type { FlagSpec } from "../core/flags.ts";
import type { Command, MethodCommand } from "./command.ts";
import { budgetCommands } from "./table/budget.ts";
import { eventCommands } from "./table/events.ts";
import { matrixCommands } from "./table/matrix.ts";
import { guardCommands } from "./table/rights.ts";

export { type Command, groups } from "./command.ts";

/** Flags that every command takes. No method has a param of these names. */
export const globalFlags: readonly FlagSpec[] = [
  {
    name: "json",
    key: "json",
    kind: "boolean",
    description: "Print one JSON object; one per line where there are several.",
  },
  { name: "quiet", key: "quiet", kind: "boolean", short: "q", description: "Print no notices." },
  {
    name: "timeout",
    key: "timeout",
    kind: "number",
    placeholder: "SECONDS",
    description: "Give up after this long.",
  },
  {
    name: "socket",
    key: "socket",
    kind: "string",
    placeholder: "PATH",
    description: "The bridge's socket. ARMORCLAW_SOCKET does the same.",
  },
  { name: "help", key: "help", kind: "boolean", short: "h", description: "Explain the command." },
];

const configFlags: readonly FlagSpec[] = [
  {
    name: "config",
    key: "config",
    kind: "string",
    placeholder: "FILE",
    description: "The configuration file to read.",
  },
  {
    name: "engine",
    key: "engine",
    kind: "string",
    choices: ["auto", "docker", "sandbox", "process"],
    description: "What runs agents' containers.",
  },
  {
    name: "runtime-dir",
    key: "runtime-dir",
    kind: "string",
    placeholder: "DIR",
    description: "The directory of the sockets.",
  },
  {
    name: "state-dir",
    key: "state-dir",
    kind: "string",
    placeholder: "DIR",
    description: "The directory of what outlives a restart.",
  },
  {
    name: "log-level",
    key: "log-level",
    kind: "string",
    choices: ["debug", "info", "warn", "error", "silent"],
    description: "What goes to stderr.",
  },
  {
    name: "set",
    key: "set",
    kind: "list",
    placeholder: "KEY=VALUE",
    description: "Any key of the configuration, as agents.max or webhooks.pager. May be repeated.",
  },
];

const eventFlags: readonly FlagSpec[] = [
  { name: "follow", key: "follow", kind: "boolean", short: "f", description: "Go on with each new event." },
  {
    name: "channel",
    key: "channels",
    kind: "list",
    placeholder: "PATTERN",
    description: "Only these channels; * stands for one segment, a last > for the rest. May be repeated.",
  },
  { name: "type", key: "types", kind: "list", description: "Only this type, e.g. agent.exited. May be repeated." },
  { name: "source", key: "source", kind: "string", description: "Only from this principal, e.g. agent:heartbeat-1." },
  {
    name: "min-priority",
    key: "min_priority",
    kind: "string",
    choices: ["critical", "high", "normal", "low"],
    description: "Only of this priority and above.",
  },
  {
    name: "durable",
    key: "name",
    kind: "string",
    placeholder: "NAME",
    description: "Follow under a name: the bridge keeps the place, so that nothing is missed in between.",
  },
  { name: "since", key: "cursor", kind: "number", placeholder: "SEQ", description: "Only after this `seq`." },
  { name: "limit", key: "limit", kind: "number", description: "The most past events to print." },
];

/** Every command that is not just a method under its own name. */
export const commands: readonly Command[] = [
  {
    name: "run",
    group: "Bridge",
    summary: "Start the bridge in the foreground",
    flags: configFlags,
  },
  {
    name: "status",
    group: "Bridge",
    summary: "What it is, where it listens, how agents are isolated",
    method: "bridge.status",
  },
  { name: "health", group: "Bridge", summary: "Whether all is well; ends with 12 when not", method: "bridge.health" },
  {
    name: "doctor",
    group: "Bridge",
    summary: "What is wrong and what mends it, also when the bridge is down; ends with 1 when something is",
    flags: configFlags.filter(({ name }) => /^(?:config|set|.*-dir)$/.test(name)),
  },
  {
    name: "panic",
    group: "Bridge",
    summary: "Freeze and kill every agent; nothing starts until `bridge resume`",
    method: "bridge.panic",
  },
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
  {
    name: "events",
    group: "Events",
    summary: "What happened; -f follows",
    flags: eventFlags,
  },
  ...eventCommands,
  ...guardCommands,
  ...budgetCommands,
  ...matrixCommands,
  {
    name: "rpc call",
    group: "Tools",
    args: "METHOD [JSON|@-]",
    summary: "Call any method with JSON params; @- reads them from stdin",
    flags: [],
  },
  { name: "rpc discover", group: "Tools", summary: "List every method; --json prints OpenRPC", method: "rpc.discover" },
  {
    name: "config show",
    group: "Tools",
    summary: "The configuration in effect; --origin says where from",
    flags: [
      ...configFlags,
      { name: "origin", key: "origin", kind: "boolean", description: "Say where each value comes from." },
    ],
  },
  {
    name: "config validate",
    group: "Tools",
    summary: "Check the configuration; ends with 10 when it is wrong",
    flags: configFlags,
  },
  {
    name: "config schema",
    group: "Tools",
    summary: "The configuration's JSON Schema",
    flags: [],
  },
  {
    name: "completion",
    group: "Tools",
    args: "bash|zsh|fish",
    summary: "Print a completion script for the shell",
    flags: [],
  },
  { name: "version", group: "Tools", summary: "This program's version", flags: [] },
  {
    name: "help",
    group: "Tools",
    args: "[COMMAND [VERB]]",
    summary: "Explain a command; --all lists every method",
    flags: [{ name: "all", key: "all", kind: "boolean", description: "List every method as a command." }],
  },
];

export const isMethodCommand = (command: Command): command is MethodCommand => "method" in command;
