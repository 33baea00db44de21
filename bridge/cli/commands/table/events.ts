import type { FlagSpec } from "../../core/flags.ts";
import type { Command } from "./command.ts";

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

/** The short verbs of tasks, of what leaves the bridge and of what could not be delivered. */
export const eventCommands: readonly Command[] = [
  {
    name: "events",
    group: "Events",
    summary: "What happened; -f follows",
    flags: eventFlags,
  },
  { name: "tasks", group: "Events", summary: "List the tasks and how far they are", method: "task.list" },
  { name: "queue ls", group: "Events", summary: "List messages on their way out", method: "queue.list" },
  {
    name: "queue retry",
    group: "Events",
    args: "MESSAGE_ID",
    summary: "Send a message that waits or was given up, now",
    method: "queue.retry",
  },
  {
    name: "queue drop",
    group: "Events",
    args: "MESSAGE_ID",
    summary: "Delete a message that waits or was given up",
    method: "queue.drop",
  },
  {
    name: "dead-letters",
    group: "Events",
    summary: "Events that a durable subscription did not take",
    method: "event.dead_letters",
  },
];
