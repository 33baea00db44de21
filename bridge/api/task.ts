import { AgentId, BridgeError, type MethodsOf, type Principal } from "@armorclaw/protocol";
import type { AgentDirectory } from "../lifecycle/index.ts";
import { fitting } from "../platform/page.ts";
import type { Call, Handlers } from "../rpc/index.ts";
import type { Task, Tasks } from "../tasks/index.ts";
import { iso } from "./time.ts";

type TaskRights = Pick<AgentDirectory, "assertMaySend" | "assertMaySendToCapable">;

export function taskHandlers(tasks: Tasks, rights: TaskRights): Handlers<MethodsOf<"task">> {
  return {
    "task.create": async ({ title, agent_id, capability, payload, attempts_max, lease_ms }, { principal }) => {
      assertMayCreate(rights, principal, agent_id, capability);
      const task = await tasks.create({
        title,
        agentId: agent_id ?? null,
        capability: capability ?? null,
        payload,
        attemptsMax: attempts_max,
        leaseMs: lease_ms,
        createdBy: principal.id,
      });
      return { task: taskOut(task) };
    },
    "task.assign": async ({ task_id, agent_id }) => ({ task: taskOut(await tasks.assign(task_id, agent_id)) }),
    "task.claim": async (_, call) => {
      const task = await tasks.claim(callerId(call));
      return { task: task === undefined ? null : taskOut(task) };
    },
    "task.update": async ({ task_id, outcome, progress, message, result }, call) => ({
      task: taskOut(await tasks.update(callerId(call), task_id, { outcome, progress, message, result })),
    }),
    "task.list": ({ state, agent_id, cursor, limit }, { principal }) => {
      const agentId = principal.kind === "agent" ? principal.agentId : agent_id;
      const found = tasks.list({ state, agentId, afterId: cursor, limit });
      const { rows, isCut } = fitting(found.map(taskOut));
      return { tasks: rows, cursor: rows.at(-1)?.task_id ?? cursor, has_more: isCut || found.length === limit };
    },
    "task.delete": async ({ task_id }) => {
      await tasks.delete(task_id);
      return { ok: true };
    },
  };
}

/** An agent gives work to those it may send to, and to whoever has a capability only when it may send to all of them. */
function assertMayCreate(
  rights: TaskRights,
  principal: Principal,
  agentId: string | undefined,
  capability: string | undefined,
): void {
  if (principal.kind !== "agent") return;
  if (agentId !== undefined) rights.assertMaySend(principal, agentId);
  else if (capability !== undefined) rights.assertMaySendToCapable(principal, capability);
}

function callerId({ principal }: Call): AgentId {
  if (principal.kind === "agent") return principal.agentId;
  throw new BridgeError("FORBIDDEN", "Only agents have tasks");
}

const taskOut = (task: Task) => ({
  task_id: task.id,
  title: task.title,
  state: task.state,
  agent_id: task.agentId === null ? null : AgentId.parse(task.agentId),
  capability: task.capability,
  payload: { ...task.payload },
  progress: task.progress,
  message: task.message,
  result: task.result === null ? null : { ...task.result },
  attempts: task.attempts,
  attempts_max: task.attemptsMax,
  lease_until: task.state === "running" ? iso(task.dueMs) : null,
  created_by: task.createdBy,
  created_at: iso(task.createdAtMs),
  updated_at: iso(task.updatedAtMs),
});
