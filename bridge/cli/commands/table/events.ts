import type { Command } from "../command.ts";

/** The short verbs of tasks, of what leaves the bridge and of what could not be delivered. */
export const eventCommands: readonly Command[] = [
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
