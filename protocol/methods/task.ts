import * as z from "zod";
import { defineMethod } from "../types/define.ts";
import { AgentId, Timestamp } from "../types/ids.ts";
import { Capability } from "../types/manifest.ts";
import { everyone, operators } from "../types/roles.ts";

export const TaskState = z.enum(["queued", "running", "done", "dead"]).meta({
  id: "TaskState",
  description: "queued: waits for an agent; running: an agent has it; done; dead: it failed too often.",
});

const Payload = z.record(z.string(), z.unknown());

export const Task = z
  .object({
    task_id: z.int(),
    title: z.string(),
    state: TaskState,
    agent_id: AgentId.nullable().describe("The agent that the task is assigned to, or that has claimed it."),
    capability: Capability.nullable().describe("Any agent with this capability may claim the task."),
    payload: Payload,
    progress: z.number().min(0).max(1).nullable(),
    message: z.string().nullable().describe("The last report about the task."),
    result: Payload.nullable(),
    attempts: z.int(),
    attempts_max: z.int(),
    lease_until: Timestamp.nullable().describe("When the task goes back to the queue unless its agent reports."),
    created_by: z.string(),
    created_at: Timestamp,
    updated_at: Timestamp,
  })
  .meta({ id: "Task", description: "A piece of work for an agent." });

const exampleTask = {
  task_id: 1,
  title: "Sort the inbox",
  state: "queued" as const,
  agent_id: null,
  capability: "mail",
  payload: {},
  progress: null,
  message: null,
  result: null,
  attempts: 0,
  attempts_max: 3,
  lease_until: null,
  created_by: "user:1000",
  created_at: "2026-11-21T08:00:00.000Z",
  updated_at: "2026-11-21T08:00:00.000Z",
};

const create = defineMethod({
  summary: "Create a task.",
  description:
    "The task is for one agent, or for any agent with a capability. An agent may create tasks for loops that it may send messages to.",
  roles: ["admin", "operator", "agent"],
  effect: "write",
  scope: { agentParam: "agent_id" },
  params: z.strictObject({
    title: z.string().min(1).max(200),
    agent_id: AgentId.optional().describe("The agent that the task is for."),
    capability: Capability.optional().describe("Any agent with this capability may claim the task."),
    payload: Payload.default({}),
    attempts_max: z.int().min(1).max(100).default(3),
    lease_ms: z
      .int()
      .min(1_000)
      .max(86_400_000)
      .default(60_000)
      .describe("The longest time that an agent may have the task without a report."),
  }),
  result: z.object({ task: Task }),
  errors: ["AGENT_NOT_FOUND"],
  example: { params: { title: "Sort the inbox", capability: "mail" }, result: { task: exampleTask } },
});

const assign = defineMethod({
  summary: "Assign a waiting task to an agent.",
  roles: operators,
  effect: "write",
  params: z.strictObject({ task_id: z.int().min(1), agent_id: AgentId }),
  result: z.object({ task: Task }),
  errors: ["TASK_NOT_FOUND", "TASK_STATE_CONFLICT", "AGENT_NOT_FOUND"],
  example: {
    params: { task_id: 1, agent_id: "heartbeat-1" },
    result: { task: { ...exampleTask, agent_id: "heartbeat-1" } },
  },
});

const claim = defineMethod({
  summary: "Claim the next task that is assigned to this agent or that matches its capabilities.",
  roles: ["agent"],
  effect: "write",
  params: z.strictObject({}),
  result: z.object({ task: Task.nullable().describe("Null when there is none.") }),
  errors: [],
  example: { params: {}, result: { task: null } },
});

const update = defineMethod({
  summary: "Report a task's progress, or that it is done or has failed.",
  description: "Every update renews the lease. Only the agent that has the task may update it.",
  roles: ["agent"],
  effect: "write",
  params: z.strictObject({
    task_id: z.int().min(1),
    outcome: z
      .enum(["done", "failed", "released"])
      .optional()
      .describe(
        "failed: the task is tried again, up to `attempts_max`; released: the task goes back to the queue, and the attempt is not counted.",
      ),
    progress: z.number().min(0).max(1).optional(),
    message: z.string().max(500).optional(),
    result: Payload.optional().describe("With done."),
  }),
  result: z.object({ task: Task }),
  errors: ["TASK_NOT_FOUND", "TASK_STATE_CONFLICT"],
  example: {
    params: { task_id: 1, progress: 0.5 },
    result: { task: { ...exampleTask, state: "running", agent_id: "heartbeat-1", progress: 0.5 } },
  },
});

const list = defineMethod({
  summary: "List tasks.",
  description: "An agent sees tasks that it has claimed or that are assigned to it.",
  roles: everyone,
  effect: "read",
  scope: { rows: "tasks", agent: "agent_id" },
  params: z.strictObject({
    state: TaskState.optional(),
    agent_id: AgentId.optional(),
    cursor: z.int().min(0).default(0).describe("Only tasks after this id."),
    limit: z.int().min(1).max(1000).default(100),
  }),
  result: z.object({
    tasks: z.array(Task),
    cursor: z.int().describe("Pass this as `cursor` to go on."),
    has_more: z.boolean().describe("Whether there may be more. A page of large tasks holds fewer than `limit`."),
  }),
  errors: [],
  example: { params: {}, result: { tasks: [exampleTask], cursor: 1, has_more: false } },
});

const remove = defineMethod({
  summary: "Delete a task. An agent that has it is refused at its next update.",
  roles: operators,
  effect: "write",
  params: z.strictObject({ task_id: z.int().min(1) }),
  result: z.object({ ok: z.literal(true) }),
  errors: ["TASK_NOT_FOUND"],
  example: { params: { task_id: 1 }, result: { ok: true } },
});

/** Every method of this file, by its name. */
export const taskMethods = {
  "task.create": create,
  "task.assign": assign,
  "task.claim": claim,
  "task.update": update,
  "task.list": list,
  "task.delete": remove,
} as const;
