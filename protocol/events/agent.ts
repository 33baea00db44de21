import * as z from "zod";
import { AgentActivity, ExitInfo, Isolation } from "../types/agent-info.ts";
import { defineEvent } from "../types/define.ts";
import { AgentId, ContainerId, LoopName } from "../types/ids.ts";

const who = { agent_id: AgentId, agent_type: LoopName, epoch: z.int() };
const exampleWho = { agent_id: "heartbeat-1", agent_type: "heartbeat", epoch: 1 };
const exampleExit = { code: 137, signal: "SIGKILL", reason: "killed" as const, message: "It was killed by SIGKILL" };

const started = defineEvent({
  summary: "An agent has called agent.hello and runs.",
  channel: "agent.<agent_id>.started",
  priority: "normal",
  data: z.object({ ...who, container_id: ContainerId, pid: z.int().nullable(), isolation: Isolation }),
  example: { ...exampleWho, container_id: "heartbeat-1.1", pid: 4720, isolation: "sandbox" },
});

const heartbeat = defineEvent({
  summary: "An agent is alive.",
  channel: "agent.<agent_id>.heartbeat",
  priority: "low",
  isVolatile: true,
  data: z.object({
    ...who,
    seq: z.int(),
    activity: AgentActivity,
    rss_bytes: z.int().optional(),
    lag_ms: z.number().optional(),
  }),
  example: { ...exampleWho, seq: 1, activity: "active" },
});

const reported = defineEvent({
  summary: "An agent reported its activity.",
  channel: "agent.<agent_id>.reported",
  priority: "normal",
  data: z.object({ ...who, activity: AgentActivity, message: z.string().optional() }),
  example: { ...exampleWho, activity: "busy", message: "Reading 12 mails" },
});

const adopted = defineEvent({
  summary: "A restarted bridge adopted the container of an agent that had kept running.",
  channel: "agent.<agent_id>.adopted",
  priority: "normal",
  data: z.object({ ...who, container_id: ContainerId, pid: z.int().nullable() }),
  example: { ...exampleWho, container_id: "heartbeat-1.1", pid: 4720 },
});

const died = defineEvent({
  summary: "An agent's process has ended. The event agent.exited follows with how it ended.",
  channel: "agent.<agent_id>.died",
  priority: "high",
  data: z.object({ ...who }),
  example: { ...exampleWho },
});

const hung = defineEvent({
  summary: "An agent sent no heartbeat for too long and is killed.",
  channel: "agent.<agent_id>.hung",
  priority: "high",
  data: z.object({ ...who, silent_ms: z.int() }),
  example: { ...exampleWho, silent_ms: 10_120 },
});

const paused = defineEvent({
  summary: "An agent was frozen.",
  channel: "agent.<agent_id>.paused",
  priority: "normal",
  data: z.object({ ...who }),
  example: { ...exampleWho },
});

const resumed = defineEvent({
  summary: "A paused agent continues.",
  channel: "agent.<agent_id>.resumed",
  priority: "normal",
  data: z.object({ ...who }),
  example: { ...exampleWho },
});

const suspended = defineEvent({
  summary: "An idle agent was suspended until something arrives for it.",
  channel: "agent.<agent_id>.suspended",
  priority: "normal",
  data: z.object({ ...who, mode: z.enum(["stop", "freeze"]), idle_ms: z.int() }),
  example: { ...exampleWho, mode: "stop", idle_ms: 60_000 },
});

const woken = defineEvent({
  summary: "A suspended agent is needed again.",
  channel: "agent.<agent_id>.woken",
  priority: "normal",
  data: z.object({
    ...who,
    event_id: z.string().nullable().describe("The event that woke the agent; null when a person woke it."),
    event_type: z.string().nullable(),
  }),
  example: { ...exampleWho, event_id: "9f1c2a4b-7", event_type: "matrix.message" },
});

const exited = defineEvent({
  summary: "An agent's container ended although nobody stopped it.",
  channel: "agent.<agent_id>.exited",
  priority: "high",
  data: z.object({
    ...who,
    exit: ExitInfo,
    restart_in_ms: z.int().nullable().describe("Null when it is not restarted."),
  }),
  example: { ...exampleWho, exit: exampleExit, restart_in_ms: 500 },
});

const restarted = defineEvent({
  summary: "An agent runs again after its container had ended.",
  channel: "agent.<agent_id>.restarted",
  priority: "normal",
  data: z.object({ ...who, restarts: z.int(), container_id: ContainerId, pid: z.int().nullable() }),
  example: { ...exampleWho, epoch: 2, restarts: 1, container_id: "heartbeat-1.2", pid: 4731 },
});

const stopped = defineEvent({
  summary: "An agent was stopped, or has completed its work.",
  channel: "agent.<agent_id>.stopped",
  priority: "normal",
  data: z.object({ ...who, exit: ExitInfo.nullable() }),
  example: { ...exampleWho, exit: { code: 0, signal: null, reason: "completed", message: "It ended by itself" } },
});

const failed = defineEvent({
  summary: "An agent has failed, and the bridge does not start it again.",
  channel: "agent.<agent_id>.failed",
  priority: "critical",
  data: z.object({
    ...who,
    cause: z
      .enum(["crash-loop", "cannot-start", "ended"])
      .describe(
        "crash-loop: the agent ended too often; cannot-start: another attempt cannot help; ended: its loop is not restarted.",
      ),
    message: z.string(),
    exit: ExitInfo.nullable(),
  }),
  example: { ...exampleWho, cause: "crash-loop", message: "5 failures within 10 minutes", exit: exampleExit },
});

/** Every event of this file, by its type. */
export const agentEvents = {
  "agent.started": started,
  "agent.heartbeat": heartbeat,
  "agent.reported": reported,
  "agent.adopted": adopted,
  "agent.died": died,
  "agent.hung": hung,
  "agent.paused": paused,
  "agent.resumed": resumed,
  "agent.suspended": suspended,
  "agent.woken": woken,
  "agent.exited": exited,
  "agent.restarted": restarted,
  "agent.stopped": stopped,
  "agent.failed": failed,
} as const;
