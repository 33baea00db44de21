import * as z from "zod";
import { defineEvent } from "../types/define.ts";
import { AgentId } from "../types/ids.ts";

const task = { task_id: z.int(), title: z.string(), agent_id: AgentId.nullable() };
const example = { task_id: 1, title: "Sort the inbox", agent_id: "heartbeat-1" };

const created = defineEvent({
  summary: "A task waits for an agent.",
  channel: "task.<task_id>.created",
  priority: "normal",
  data: z.object({ ...task, capability: z.string().nullable() }),
  example: { ...example, agent_id: null, capability: "mail" },
});

const unserved = defineEvent({
  summary: "A task waits, and no running agent can do it.",
  channel: "task.<task_id>.unserved",
  priority: "normal",
  data: z.object({ ...task, capability: z.string().nullable() }),
  example: { ...example, agent_id: null, capability: "mail" },
});

const offered = defineEvent({
  summary: "A task waits that this agent may claim.",
  channel: "agent.<agent_id>.task.offered",
  priority: "normal",
  data: z.object({ ...task, agent_id: AgentId }),
  example,
});

const claimed = defineEvent({
  summary: "An agent took a task.",
  channel: "task.<task_id>.claimed",
  priority: "normal",
  data: z.object({ ...task, attempt: z.int() }),
  example: { ...example, attempt: 1 },
});

const progressed = defineEvent({
  summary: "An agent reported a task's progress.",
  channel: "task.<task_id>.progressed",
  priority: "low",
  isVolatile: true,
  data: z.object({ ...task, progress: z.number().min(0).max(1).nullable(), message: z.string().nullable() }),
  example: { ...example, progress: 0.5, message: "12 of 24 mails" },
});

const done = defineEvent({
  summary: "A task is done.",
  channel: "task.<task_id>.done",
  priority: "normal",
  data: z.object(task),
  example,
});

const failed = defineEvent({
  summary: "A task failed and will be tried again.",
  channel: "task.<task_id>.failed",
  priority: "normal",
  data: z.object({ ...task, attempts: z.int(), reason: z.string() }),
  example: { ...example, attempts: 1, reason: "The agent did not report for 60000 ms" },
});

const dead = defineEvent({
  summary: "A task failed too often.",
  channel: "task.<task_id>.dead",
  priority: "high",
  data: z.object({ ...task, attempts: z.int(), reason: z.string() }),
  example: { ...example, attempts: 3, reason: "The agent did not report for 60000 ms" },
});

/** Every event of this file, by its type. */
export const taskEvents = {
  "task.created": created,
  "task.unserved": unserved,
  "task.offered": offered,
  "task.claimed": claimed,
  "task.progressed": progressed,
  "task.done": done,
  "task.failed": failed,
  "task.dead": dead,
} as const;
