import type { FlagSpec } from "../../core/flags.ts";
import type { Command } from "./command.ts";

const eventFlags: readonly FlagSpec[] = [
  { name: "follow", key: "follow", kind: "boolean", short: "f", description: "Wait for new events and print each." },
  {
    name: "channel",
    key: "channels",
    kind: "list",
    placeholder: "PATTERN",
    description:
      "Only events on these channels: * matches one segment, > at the end matches the rest. May be repeated.",
  },
  {
    name: "type",
    key: "types",
    kind: "list",
    description: "Only events of this type, e.g. agent.exited. May be repeated.",
  },
  {
    name: "source",
    key: "source",
    kind: "string",
    description: "Only events from this principal, e.g. agent:heartbeat-1.",
  },
  {
    name: "min-priority",
    key: "min_priority",
    kind: "string",
    choices: ["critical", "high", "normal", "low"],
    description: "Only events of this priority and above.",
  },
  {
    name: "durable",
    key: "name",
    kind: "string",
    placeholder: "NAME",
    description:
      "Follow as a durable subscription of this name: the bridge keeps its position, so that no event is missed between two runs.",
  },
  {
    name: "since",
    key: "cursor",
    kind: "number",
    placeholder: "SEQ",
    description: "Only events after the one with this number.",
  },
  {
    name: "before",
    key: "before",
    kind: "number",
    placeholder: "SEQ",
    description: "Only events before the one with this number, the newest of them.",
  },
  { name: "limit", key: "limit", kind: "number", description: "How many past events to print at most." },
];

/** The commands for events, tasks, queued messages and dead letters. */
export const eventCommands: readonly Command[] = [
  {
    name: "events",
    group: "Events",
    summary: "Print the last events; -f follows",
    flags: eventFlags,
  },
  { name: "tasks", group: "Events", summary: "List the tasks and their progress", method: "task.list" },
  {
    name: "queue ls",
    group: "Events",
    summary: "List the messages that wait to leave the bridge",
    method: "queue.list",
  },
  {
    name: "queue retry",
    group: "Events",
    args: "MESSAGE_ID",
    summary: "Send a waiting or failed message now",
    method: "queue.retry",
  },
  {
    name: "queue drop",
    group: "Events",
    args: "MESSAGE_ID",
    summary: "Delete a waiting or failed message",
    method: "queue.drop",
  },
  {
    name: "dead-letters",
    group: "Events",
    summary: "List the events that could not be delivered to a durable subscription",
    method: "event.dead_letters",
  },
];
