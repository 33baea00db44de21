import * as z from "zod";
import { AgentId, ContainerId, LoopName, Timestamp } from "./ids.ts";

export const Isolation = z
  .enum(["container", "sandbox", "none"])
  .meta({ id: "Isolation", description: "container: Docker; sandbox: bubblewrap and seccomp; none: a plain process." });
export type Isolation = z.output<typeof Isolation>;

/** The states of an agent. */
export const agentStates = [
  "requested",
  "creating",
  "starting",
  "running",
  "paused",
  "suspended",
  "backoff",
  "engine-unreachable",
  "draining",
  "stopped",
  "failed",
] as const;
export const AgentState = z.enum(agentStates).meta({
  id: "AgentState",
  description:
    "requested → creating → starting → running ⇄ paused | suspended → draining → stopped | failed; backoff between a death and the next start, engine-unreachable while nothing can be started; suspended until something arrives for it.",
});
export type AgentState = z.output<typeof AgentState>;

/** The activity that an agent reports. */
export const AgentActivity = z
  .enum(["initializing", "active", "busy", "paused", "error", "terminated"])
  .meta({ id: "AgentActivity", description: "The activity that an agent reports." });
export type AgentActivity = z.output<typeof AgentActivity>;

/** How a container ended. */
export const ExitInfo = z
  .object({
    code: z.int().nullable().describe("The exit code; null when it is not known."),
    signal: z.string().nullable(),
    reason: z.enum(["completed", "error", "oom", "killed", "hung", "signal", "could-not-start", "unknown"]),
    message: z.string().describe("What happened, in a sentence."),
  })
  .meta({ id: "ExitInfo" });
export type ExitInfo = z.output<typeof ExitInfo>;

export const AgentInfo = z
  .object({
    agent_id: AgentId,
    agent_type: LoopName.describe("The agent's loop."),
    state: AgentState,
    activity: AgentActivity.nullable().describe("The activity that the agent last reported; null before its hello."),
    ready: z.boolean().describe("Whether the agent runs and reports that it is active or busy."),
    live: z.boolean().nullable().describe("Whether the agent's heartbeats arrive in time; null when none is due."),
    message: z.string().nullable().describe("Why the agent is in this state, if there is a reason to give."),
    container_id: ContainerId.nullable(),
    pid: z.int().nullable().describe("The host's pid of the agent's process."),
    standby_pid: z
      .int()
      .nullable()
      .describe(
        "The process of the standby that takes over when the agent ends. The bridge ignores its calls before that. Null where there is none.",
      ),
    isolation: Isolation.nullable().describe("The isolation as read back from the kernel, not as requested."),
    epoch: z.int().describe("Counts the starts of this agent. Each start has its own socket."),
    restarts: z.int(),
    created_at: Timestamp,
    started_at: Timestamp.nullable(),
    last_heartbeat_at: Timestamp.nullable(),
    heartbeats: z.int().describe("The number of heartbeats since the agent's last start."),
    expires_at: Timestamp.nullable().describe("When the agent's time to live ends."),
    exit: ExitInfo.nullable().describe("How the agent last ended."),
  })
  .meta({ id: "AgentInfo" });
export type AgentInfo = z.output<typeof AgentInfo>;

export const exampleAgent = {
  agent_id: "heartbeat-1",
  agent_type: "heartbeat",
  state: "running",
  activity: "active",
  ready: true,
  live: true,
  message: null,
  container_id: "heartbeat-1.1",
  pid: 4720,
  standby_pid: null,
  isolation: "sandbox",
  epoch: 1,
  restarts: 0,
  created_at: "2026-11-21T08:00:00.000Z",
  started_at: "2026-11-21T08:00:00.120Z",
  last_heartbeat_at: "2026-11-21T08:00:10.120Z",
  heartbeats: 5,
  expires_at: null,
  exit: null,
} as const;

export const LogLine = z
  .object({
    time: Timestamp,
    stream: z.enum(["stdout", "stderr", "bridge"]).describe("bridge: the bridge wrote the line about the agent."),
    line: z.string(),
  })
  .meta({ id: "LogLine" });
export type LogLine = z.output<typeof LogLine>;

/** One measurement. A field is null where the host cannot measure it. */
export const UsageSample = z
  .object({
    time: Timestamp,
    memory_bytes: z.int().nullable().describe("Memory in use, without reclaimable cache."),
    cpu_percent: z
      .number()
      .nullable()
      .describe("The share of one processor since the reading before; null at the first reading."),
    pids: z.int().nullable().describe("Processes and threads."),
    io_read_bytes: z
      .int()
      .nullable()
      .describe("Bytes that the agent's system calls read since its start, its socket included."),
    io_write_bytes: z
      .int()
      .nullable()
      .describe("Bytes that the agent's system calls wrote since its start, its socket included."),
  })
  .meta({ id: "UsageSample" });
export type UsageSample = z.output<typeof UsageSample>;

export const AgentUsage = UsageSample.omit({ time: true })
  .extend({
    agent_id: AgentId,
    workspace_bytes: z
      .int()
      .nullable()
      .describe("Bytes in the agent's workspace; null without one, and where the host cannot see it."),
    workspace_size_bytes: z.int().nullable().describe("The bytes that the workspace can hold."),
    log_bytes: z.int().describe("Bytes written to the agent's log since the bridge's start."),
    log_bytes_dropped: z.int().describe("Bytes of output that were dropped because they were over the quota."),
    events_refused: z.int().describe("Events that were refused because they were over the quota."),
    history: z.array(UsageSample).describe("Earlier samples, oldest first, when requested."),
  })
  .meta({ id: "AgentUsage" });
export type AgentUsage = z.output<typeof AgentUsage>;

export const exampleUsage = {
  agent_id: "heartbeat-1",
  memory_bytes: 11_000_000,
  cpu_percent: 0.2,
  pids: 8,
  io_read_bytes: 2_000_000,
  io_write_bytes: 40_000,
  workspace_bytes: 1_048_576,
  workspace_size_bytes: 14_680_064,
  log_bytes: 1_200,
  log_bytes_dropped: 0,
  events_refused: 0,
  history: [],
};
