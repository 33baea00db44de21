import * as z from "zod";
import { defineEvent } from "../define.ts";
import { AgentId, ContainerId, LoopName } from "../ids.ts";
import { AgentActivity, ExitInfo } from "../methods/agent.ts";
import { Isolation } from "../methods/bridge.ts";

const who = { agent_id: AgentId, agent_type: LoopName, epoch: z.int() };
const exampleWho = { agent_id: "heartbeat-1", agent_type: "heartbeat", epoch: 1 };
const exampleExit = { code: 137, signal: "SIGKILL", reason: "killed" as const, message: "It was killed by SIGKILL" };

export const started = defineEvent({
  summary: "An agent said hello and runs.",
  channel: "agent.<agent_id>.started",
  priority: "normal",
  data: z.object({ ...who, container_id: ContainerId, pid: z.int().nullable(), isolation: Isolation }),
  example: { ...exampleWho, container_id: "heartbeat-1.1", pid: 4720, isolation: "sandbox" },
});

export const heartbeat = defineEvent({
  summary: "An agent is alive.",
  channel: "agent.<agent_id>.heartbeat",
  priority: "low",
  data: z.object({
    ...who,
    seq: z.int(),
    activity: AgentActivity,
    rss_bytes: z.int().optional(),
    lag_ms: z.number().optional(),
  }),
  example: { ...exampleWho, seq: 1, activity: "active" },
});

export const reported = defineEvent({
  summary: "An agent said what it is doing.",
  channel: "agent.<agent_id>.reported",
  priority: "normal",
  data: z.object({ ...who, activity: AgentActivity, message: z.string().optional() }),
  example: { ...exampleWho, activity: "busy", message: "Reading 12 mails" },
});

export const exited = defineEvent({
  summary: "An agent's container ended without being asked to.",
  channel: "agent.<agent_id>.exited",
  priority: "high",
  data: z.object({
    ...who,
    exit: ExitInfo,
    restart_in_ms: z.int().nullable().describe("Null when it is not restarted."),
  }),
  example: { ...exampleWho, exit: exampleExit, restart_in_ms: 500 },
});

export const restarted = defineEvent({
  summary: "An agent runs again after it had ended.",
  channel: "agent.<agent_id>.restarted",
  priority: "normal",
  data: z.object({ ...who, restarts: z.int(), container_id: ContainerId, pid: z.int().nullable() }),
  example: { ...exampleWho, epoch: 2, restarts: 1, container_id: "heartbeat-1.2", pid: 4731 },
});

export const stopped = defineEvent({
  summary: "An agent ended as asked, or completed.",
  channel: "agent.<agent_id>.stopped",
  priority: "normal",
  data: z.object({ ...who, exit: ExitInfo.nullable() }),
  example: { ...exampleWho, exit: { code: 0, signal: null, reason: "completed", message: "It ended by itself" } },
});

export const failed = defineEvent({
  summary: "An agent does not run and is not started again by itself.",
  channel: "agent.<agent_id>.failed",
  priority: "critical",
  data: z.object({ ...who, message: z.string(), exit: ExitInfo.nullable() }),
  example: { ...exampleWho, message: "5 failures within 10 minutes", exit: exampleExit },
});
