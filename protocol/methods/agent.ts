import * as z from "zod";
import {
  AgentActivity,
  AgentInfo,
  AgentState,
  AgentUsage,
  ExitInfo,
  exampleAgent,
  exampleUsage,
  LogLine,
} from "../types/agent-info.ts";
import { defineMethod } from "../types/define.ts";
import { AgentId, ChannelPattern, ContainerId, DurationMs, LoopName, Timestamp } from "../types/ids.ts";
import { operators, people } from "../types/roles.ts";

const start = defineMethod({
  summary: "Start an agent of a loop.",
  description: "Answers when the agent has called agent.hello on its own socket.",
  roles: operators,
  effect: "write",
  scope: { agentParam: "name" },
  aliases: ["start"],
  params: z.strictObject({
    agent_type: LoopName.describe("The loop to start."),
    name: AgentId.optional().describe("The agent's id. The loop's name with the lowest free number when left out."),
    ttl_ms: z
      .int()
      .min(100)
      .max(2_000_000_000)
      .optional()
      .describe("The agent is stopped after this long, instead of the manifest's time to live."),
  }),
  result: AgentInfo.extend({
    container_name: z.string(),
    status: AgentState.describe("The same as `state`, under its classic name."),
    endpoint: z.string().describe("The path of the agent's own socket on the host."),
  }),
  errors: [
    "LOOP_NOT_FOUND",
    "AGENT_ALREADY_RUNNING",
    "AGENT_LIMIT_REACHED",
    "AGENT_START_FAILED",
    "BRIDGE_PANICKED",
    "ENGINE_UNAVAILABLE",
    "ISOLATION_REFUSED",
    "ATTESTATION_FAILED",
    "RUNTIME_UNKNOWN",
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
  container_id: ContainerId.optional().describe("Classic clients send this in place of agent_id."),
};

const stop = defineMethod({
  summary: "Stop an agent.",
  description: "Sends SIGTERM, waits `grace_ms`, then SIGKILL. Stopping a stopped agent succeeds.",
  roles: operators,
  effect: "write",
  scope: { agentParam: "agent_id" },
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

const restart = defineMethod({
  summary: "Stop an agent and start it again under the same id.",
  roles: operators,
  effect: "write",
  scope: { agentParam: "agent_id" },
  params: z.strictObject({ agent_id: AgentId, grace_ms: DurationMs.max(600_000).default(5_000) }),
  result: AgentInfo,
  errors: [
    "AGENT_NOT_FOUND",
    "AGENT_START_FAILED",
    "BRIDGE_PANICKED",
    "ENGINE_UNAVAILABLE",
    "ISOLATION_REFUSED",
    "ATTESTATION_FAILED",
    "RUNTIME_UNKNOWN",
  ],
  example: { params: { agent_id: "heartbeat-1" }, result: exampleAgent },
});

const pause = defineMethod({
  summary: "Freeze an agent.",
  description:
    "The agent keeps its memory and its socket but gets no processor time. It stays paused over a restart of the bridge.",
  roles: operators,
  effect: "write",
  scope: { agentParam: "agent_id" },
  params: z.strictObject({ agent_id: AgentId }),
  result: AgentInfo,
  errors: ["AGENT_NOT_FOUND", "AGENT_STATE_CONFLICT"],
  example: {
    params: { agent_id: "heartbeat-1" },
    result: { ...exampleAgent, state: "paused", ready: false, live: null },
  },
});

const resume = defineMethod({
  summary: "Resume a paused or suspended agent.",
  roles: operators,
  effect: "write",
  scope: { agentParam: "agent_id" },
  params: z.strictObject({ agent_id: AgentId }),
  result: AgentInfo,
  errors: ["AGENT_NOT_FOUND", "AGENT_STATE_CONFLICT", "BRIDGE_PANICKED"],
  example: { params: { agent_id: "heartbeat-1" }, result: exampleAgent },
});

const removeWorkspace = defineMethod({
  summary: "Remove an agent's workspace with all its files.",
  description: "The agent must be stopped or failed. Its next start gets an empty workspace.",
  roles: operators,
  effect: "write",
  scope: { agentParam: "agent_id" },
  params: z.strictObject({ agent_id: AgentId }),
  result: z.object({ removed: z.boolean().describe("Whether the agent had a workspace.") }),
  errors: ["AGENT_STATE_CONFLICT"],
  example: { params: { agent_id: "heartbeat-1" }, result: { removed: true } },
});

const list = defineMethod({
  summary: "List the agents.",
  roles: people,
  effect: "read",
  scope: { rows: "agents", agent: "agent_id" },
  params: z.strictObject({
    all: z.boolean().default(true).describe("Whether to include agents that have stopped or failed."),
  }),
  result: z.object({ agents: z.array(AgentInfo) }),
  errors: [],
  example: { params: {}, result: { agents: [exampleAgent] } },
});

const get = defineMethod({
  summary: "Show one agent.",
  roles: people,
  effect: "read",
  scope: { agentParam: "agent_id" },
  params: z.strictObject({ agent_id: AgentId }),
  result: AgentInfo,
  errors: ["AGENT_NOT_FOUND"],
  example: { params: { agent_id: "heartbeat-1" }, result: exampleAgent },
});

const logs = defineMethod({
  summary: "Stream an agent's log.",
  description:
    "Streams the last `tail` lines that match, then, with `follow`, each new one until the call is cancelled. Lines from before a restart of the bridge are kept, up to the size of the log's files.",
  roles: people,
  effect: "read",
  scope: { agentParam: "agent_id" },
  params: z.strictObject({
    agent_id: AgentId,
    tail: z.int().min(0).max(10_000).default(100).describe("The number of past lines to start with."),
    follow: z.boolean().default(false),
    since: Timestamp.optional().describe("Stream only lines from this time on."),
    grep: z
      .string()
      .min(1)
      .max(200)
      .optional()
      .describe("Stream only lines that contain this text, in upper or lower case."),
  }),
  stream: LogLine,
  result: z.object({ lines: z.int().describe("The number of lines that were streamed.") }),
  errors: ["AGENT_NOT_FOUND"],
  example: { params: { agent_id: "heartbeat-1", tail: 10 }, result: { lines: 10 } },
});

const hello = defineMethod({
  summary: "Report that the agent is up. This is the first call on an agent's own socket.",
  description:
    "The agent's identity follows from its socket. The answer names its loop, its schedule and its subscriptions.",
  roles: ["agent"],
  effect: "write",
  params: z.strictObject({
    runtime_version: z.string().max(64),
    pid: z.int().describe("The agent's process id within the container."),
  }),
  result: z.object({
    agent_id: AgentId,
    agent_type: LoopName,
    epoch: z.int(),
    schedule_ms: z.int().describe("How often the loop's tick runs."),
    heartbeat_ms: z.int().describe("How often to call agent.heartbeat."),
    subscriptions: z
      .array(ChannelPattern)
      .describe(
        "The channels to subscribe to under the name `events`. The bridge keeps the position from the agent's start on.",
      ),
  }),
  errors: [],
  example: {
    params: { runtime_version: "0.1.0", pid: 1 },
    result: {
      agent_id: "heartbeat-1",
      agent_type: "heartbeat",
      epoch: 1,
      schedule_ms: 2_000,
      heartbeat_ms: 2_000,
      subscriptions: [],
    },
  },
});

const heartbeat = defineMethod({
  summary: "Report that the agent is alive.",
  roles: ["agent"],
  effect: "write",
  params: z.strictObject({
    seq: z.int().min(1).describe("Counts the heartbeats of this start of the agent, from 1."),
    activity: AgentActivity.default("active"),
    rss_bytes: z.int().min(0).optional(),
    lag_ms: z.number().min(0).optional().describe("The delay of the agent's own timer."),
  }),
  result: z.object({ ok: z.literal(true) }),
  errors: [],
  example: { params: { seq: 1 }, result: { ok: true } },
});

const report = defineMethod({
  summary: "Report the agent's activity.",
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

const usage = defineMethod({
  summary: "Measure the resources that running agents use.",
  roles: people,
  effect: "read",
  scope: { agentParam: "agent_id" },
  params: z.strictObject({
    agent_id: AgentId.optional().describe("All running agents are measured when left out."),
    history: z.int().min(0).max(720).default(0).describe("The number of earlier samples to return."),
  }),
  result: z.object({ agents: z.array(AgentUsage) }),
  errors: ["AGENT_NOT_FOUND"],
  example: {
    params: {},
    result: { agents: [exampleUsage] },
  },
});

/** Every method of this file, by its name. */
export const agentMethods = {
  "agent.start": start,
  "agent.stop": stop,
  "agent.restart": restart,
  "agent.pause": pause,
  "agent.resume": resume,
  "agent.remove_workspace": removeWorkspace,
  "agent.list": list,
  "agent.get": get,
  "agent.logs": logs,
  "agent.usage": usage,
  "agent.hello": hello,
  "agent.heartbeat": heartbeat,
  "agent.report": report,
} as const;
