import * as z from "zod";
import { defineMethod } from "../define.ts";
import { AgentId, ContainerId, DurationMs, LoopName, Timestamp } from "../ids.ts";
import { operators, people } from "../roles.ts";
import { Isolation } from "./bridge.ts";

/** The life of an agent as the bridge sees it. */
export const agentStates = [
  "requested",
  "creating",
  "starting",
  "running",
  "backoff",
  "draining",
  "stopped",
  "failed",
] as const;
export const AgentState = z.enum(agentStates).meta({
  id: "AgentState",
  description:
    "requested → creating → starting → running → draining → stopped | failed; backoff between a death and the next start.",
});
export type AgentState = z.output<typeof AgentState>;

/** What an agent says of itself. */
export const AgentActivity = z
  .enum(["initializing", "active", "busy", "paused", "error", "terminated"])
  .meta({ id: "AgentActivity", description: "What an agent says of itself." });
export type AgentActivity = z.output<typeof AgentActivity>;

/** How a container ended. */
export const ExitInfo = z
  .object({
    code: z.int().nullable().describe("Null when the code is not known."),
    signal: z.string().nullable(),
    reason: z.enum(["completed", "error", "oom", "killed", "signal", "could-not-start", "unknown"]),
    message: z.string().describe("What happened, in a sentence."),
  })
  .meta({ id: "ExitInfo" });
export type ExitInfo = z.output<typeof ExitInfo>;

export const AgentInfo = z
  .object({
    agent_id: AgentId,
    agent_type: LoopName.describe("The agent's loop."),
    state: AgentState,
    activity: AgentActivity.nullable().describe("What the agent last said of itself; null before its hello."),
    message: z.string().nullable().describe("Why the agent is in this state, where there is something to say."),
    container_id: ContainerId.nullable(),
    pid: z.int().nullable().describe("The agent's process, as the host numbers it."),
    isolation: Isolation.nullable().describe("As read back from the kernel, not as asked for."),
    epoch: z.int().describe("Counts the starts of this agent; each has its own socket."),
    restarts: z.int(),
    created_at: Timestamp,
    started_at: Timestamp.nullable(),
    last_heartbeat_at: Timestamp.nullable(),
    heartbeats: z.int().describe("How many heartbeats came since its start."),
    exit: ExitInfo.nullable().describe("How it last ended."),
  })
  .meta({ id: "AgentInfo" });
export type AgentInfo = z.output<typeof AgentInfo>;

const exampleAgent = {
  agent_id: "heartbeat-1",
  agent_type: "heartbeat",
  state: "running",
  activity: "active",
  message: null,
  container_id: "heartbeat-1.1",
  pid: 4720,
  isolation: "sandbox",
  epoch: 1,
  restarts: 0,
  created_at: "2026-11-21T08:00:00.000Z",
  started_at: "2026-11-21T08:00:00.120Z",
  last_heartbeat_at: "2026-11-21T08:00:10.120Z",
  heartbeats: 5,
  exit: null,
} as const;

export const start = defineMethod({
  summary: "Start an agent of a loop.",
  description: "Answers when the agent has said hello on its own socket.",
  roles: operators,
  effect: "write",
  aliases: ["start"],
  params: z.strictObject({
    agent_type: LoopName.describe("The loop to start."),
    name: AgentId.optional().describe("The agent's id. The loop's name with the lowest free number when left out."),
  }),
  result: AgentInfo.extend({
    container_name: z.string(),
    status: AgentState.describe("The same as `state`, under its classic name."),
    endpoint: z.string().describe("The agent's own socket, as the host sees it."),
  }),
  errors: [
    "LOOP_NOT_FOUND",
    "AGENT_ALREADY_RUNNING",
    "AGENT_LIMIT_REACHED",
    "AGENT_START_FAILED",
    "ENGINE_UNAVAILABLE",
    "ISOLATION_REFUSED",
    "ATTESTATION_FAILED",
    "IMAGE_BUILD_FAILED",
  ],
  example: {
    params: { agent_type: "heartbeat" },
    result: {
      ...exampleAgent,
      container_name: "heartbeat-1.1",
      status: "running",
      endpoint: "/run/armorclaw/agents/heartbeat-1.1/agent.sock",
    },
  },
});

const byAgentOrContainer = {
  agent_id: AgentId.optional(),
  container_id: ContainerId.optional().describe("Instead of agent_id, as classic clients send it."),
};

export const stop = defineMethod({
  summary: "Stop an agent.",
  description: "Sends SIGTERM, waits `grace_ms`, then SIGKILL. Stopping a stopped agent succeeds.",
  roles: operators,
  effect: "write",
  aliases: ["stop"],
  params: z
    .strictObject({
      ...byAgentOrContainer,
      grace_ms: DurationMs.max(600_000).default(5_000).describe("Time before SIGKILL."),
    })
    .refine((params) => (params.agent_id === undefined) !== (params.container_id === undefined), {
      message: "Give either agent_id or container_id",
    }),
  result: z.object({
    agent_id: AgentId,
    container_id: ContainerId.nullable(),
    container_name: z.string().nullable(),
    state: AgentState,
    status: AgentState.describe("The same as `state`, under its classic name."),
    exit: ExitInfo.nullable(),
  }),
  errors: ["AGENT_NOT_FOUND"],
  example: {
    params: { agent_id: "heartbeat-1" },
    result: {
      agent_id: "heartbeat-1",
      container_id: "heartbeat-1.1",
      container_name: "heartbeat-1.1",
      state: "stopped",
      status: "stopped",
      exit: { code: 0, signal: null, reason: "completed", message: "It ended by itself" },
    },
  },
});

export const restart = defineMethod({
  summary: "Stop an agent and start it again under the same id.",
  roles: operators,
  effect: "write",
  params: z.strictObject({ agent_id: AgentId, grace_ms: DurationMs.max(600_000).default(5_000) }),
  result: AgentInfo,
  errors: ["AGENT_NOT_FOUND", "AGENT_START_FAILED", "ENGINE_UNAVAILABLE", "ISOLATION_REFUSED", "ATTESTATION_FAILED"],
  example: { params: { agent_id: "heartbeat-1" }, result: exampleAgent },
});

export const list = defineMethod({
  summary: "List the agents.",
  roles: people,
  effect: "read",
  params: z.strictObject({ all: z.boolean().default(true).describe("Include agents that have stopped or failed.") }),
  result: z.object({ agents: z.array(AgentInfo) }),
  errors: [],
  example: { params: {}, result: { agents: [exampleAgent] } },
});

export const get = defineMethod({
  summary: "Show one agent.",
  roles: people,
  effect: "read",
  params: z.strictObject({ agent_id: AgentId }),
  result: AgentInfo,
  errors: ["AGENT_NOT_FOUND"],
  example: { params: { agent_id: "heartbeat-1" }, result: exampleAgent },
});

export const LogLine = z
  .object({
    time: Timestamp,
    stream: z.enum(["stdout", "stderr", "bridge"]).describe("bridge: written by the bridge about the agent."),
    line: z.string(),
  })
  .meta({ id: "LogLine" });
export type LogLine = z.output<typeof LogLine>;

export const logs = defineMethod({
  summary: "Stream what an agent wrote.",
  description: "Streams the last `tail` lines, then, with `follow`, each new line until the call is cancelled.",
  roles: people,
  effect: "read",
  params: z.strictObject({
    agent_id: AgentId,
    tail: z.int().min(0).max(10_000).default(100).describe("How many past lines to begin with."),
    follow: z.boolean().default(false),
  }),
  stream: LogLine,
  result: z.object({ lines: z.int().describe("How many lines were streamed.") }),
  errors: ["AGENT_NOT_FOUND"],
  example: { params: { agent_id: "heartbeat-1", tail: 10 }, result: { lines: 10 } },
});

export const hello = defineMethod({
  summary: "Say that the agent is up; the first call on an agent's own socket.",
  description: "Who the agent is follows from its socket. The answer tells it what it is and how to behave.",
  roles: ["agent"],
  effect: "write",
  params: z.strictObject({
    runtime_version: z.string().max(64),
    pid: z.int().describe("The agent's process as the container numbers it."),
  }),
  result: z.object({
    agent_id: AgentId,
    agent_type: LoopName,
    epoch: z.int(),
    schedule_ms: z.int().describe("How often the loop's work runs."),
    heartbeat_ms: z.int().describe("How often to call agent.heartbeat."),
  }),
  errors: [],
  example: {
    params: { runtime_version: "0.1.0", pid: 1 },
    result: { agent_id: "heartbeat-1", agent_type: "heartbeat", epoch: 1, schedule_ms: 2_000, heartbeat_ms: 2_000 },
  },
});

export const heartbeat = defineMethod({
  summary: "Say that the agent is alive.",
  roles: ["agent"],
  effect: "write",
  params: z.strictObject({
    seq: z.int().min(1).describe("Counts up by one from 1 in each start of the agent."),
    activity: AgentActivity.default("active"),
    rss_bytes: z.int().min(0).optional(),
    lag_ms: z.number().min(0).optional().describe("How late the agent's own timer was."),
  }),
  result: z.object({ ok: z.literal(true) }),
  errors: [],
  example: { params: { seq: 1 }, result: { ok: true } },
});

export const report = defineMethod({
  summary: "Say what the agent is doing.",
  roles: ["agent"],
  effect: "write",
  params: z.strictObject({
    activity: AgentActivity,
    message: z.string().max(500).optional(),
  }),
  result: z.object({ ok: z.literal(true) }),
  errors: [],
  example: { params: { activity: "busy", message: "Reading 12 mails" }, result: { ok: true } },
});

export const AgentUsage = z
  .object({
    agent_id: AgentId,
    memory_bytes: z.int().nullable().describe("Without reclaimable cache; null when it cannot be measured."),
    cpu_percent: z
      .number()
      .nullable()
      .describe("Of one processor, since the reading before; null at the first reading."),
    pids: z.int().nullable(),
  })
  .meta({ id: "AgentUsage" });
export type AgentUsage = z.output<typeof AgentUsage>;

export const usage = defineMethod({
  summary: "Measure what the running agents use.",
  roles: people,
  effect: "read",
  params: z.strictObject({ agent_id: AgentId.optional().describe("All running agents when left out.") }),
  result: z.object({ agents: z.array(AgentUsage) }),
  errors: ["AGENT_NOT_FOUND"],
  example: {
    params: {},
    result: { agents: [{ agent_id: "heartbeat-1", memory_bytes: 11_000_000, cpu_percent: 0.2, pids: 8 }] },
  },
});
