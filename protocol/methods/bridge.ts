import * as z from "zod";
import { Isolation } from "../types/agent-info.ts";
import { defineMethod } from "../types/define.ts";
import { ContainerId, DurationMs, Timestamp } from "../types/ids.ts";
import { operators, people } from "../types/roles.ts";

/** One engine, as probed on this machine. */
export const EngineStatus = z
  .object({
    kind: z.enum(["docker", "sandbox", "process"]),
    version: z.string(),
    isolation: Isolation,
    protections: z.array(z.string()).describe("The protections that the engine enforces here, in words."),
    missing: z
      .array(z.string())
      .describe(
        "The protections that it does not enforce here, in words, with a command that adds them where one exists.",
      ),
  })
  .meta({ id: "EngineStatus" });
export type EngineStatus = z.output<typeof EngineStatus>;

const status = defineMethod({
  summary: "Show the bridge's version, where it listens and what runs.",
  roles: people,
  effect: "read",
  scope: "open",
  aliases: ["status"],
  params: z.strictObject({}),
  result: z.object({
    version: z.string(),
    state: z.enum(["starting", "running", "draining"]),
    status: z.enum(["starting", "running", "draining"]).describe("The same as `state`, under its classic name."),
    install_id: z.string(),
    pid: z.int(),
    uptime_ms: z.int(),
    started_at: Timestamp,
    socket: z.string().describe("The path of the bridge's own socket, or the name of its pipe."),
    state_dir: z.string(),
    runtime_dir: z.string(),
    engine: EngineStatus,
    peer_credentials: z
      .enum(["available", "unavailable"])
      .describe("Whether the OS reports the peer's user to the bridge."),
    agents: z.object({ running: z.int(), total: z.int() }),
    containers: z.int().describe("How many containers run."),
    container_ids: z.array(ContainerId),
    memory_bytes: z.int().describe("Resident memory of the bridge itself."),
    engine_reachable: z.boolean().describe("Whether the engine answered when it was last asked."),
    panic: z
      .object({ since: Timestamp, reason: z.string() })
      .nullable()
      .describe("Set from bridge.panic to bridge.resume. Meanwhile no agent is started."),
  }),
  errors: [],
  example: {
    params: {},
    result: {
      version: "0.1.0",
      state: "running",
      status: "running",
      install_id: "4f1c2a9be07d",
      pid: 4711,
      uptime_ms: 61_000,
      started_at: "2026-11-21T08:00:00.000Z",
      socket: "/run/armorclaw/bridge.sock",
      state_dir: "/var/lib/armorclaw",
      runtime_dir: "/run/armorclaw",
      engine: {
        kind: "sandbox",
        version: "bubblewrap 0.8.0",
        isolation: "sandbox",
        protections: ["no network", "no capabilities"],
        missing: [],
      },
      peer_credentials: "available",
      agents: { running: 2, total: 2 },
      containers: 2,
      container_ids: ["heartbeat-1.1", "system-monitor-1.1"],
      memory_bytes: 90_000_000,
      engine_reachable: true,
      panic: null,
    },
  },
});

const health = defineMethod({
  summary: "Check whether the bridge and every agent are healthy.",
  roles: people,
  effect: "read",
  scope: "open",
  aliases: ["health"],
  params: z.strictObject({}),
  result: z.object({
    status: z.enum(["ok", "degraded"]),
    checks: z.array(
      z.object({
        name: z.string(),
        status: z.enum(["ok", "degraded"]),
        message: z.string().describe("The result, in a sentence."),
      }),
    ),
  }),
  errors: [],
  example: {
    params: {},
    result: { status: "ok", checks: [{ name: "engine", status: "ok", message: "bubblewrap 0.8.0 answers" }] },
  },
});

export const DoctorCheck = z
  .object({
    name: z.string().describe("The subject of the check."),
    status: z.enum(["ok", "warning", "trouble"]),
    found: z.string().describe("The result, in a sentence."),
    remedy: z.string().nullable().describe("The remedy; null where nothing is wrong."),
  })
  .meta({ id: "DoctorCheck" });
export type DoctorCheck = z.output<typeof DoctorCheck>;

const doctor = defineMethod({
  summary: "Check what only the bridge can check: its store, disk, clock, listeners, and the relay of calls.",
  description:
    "It asks each relay for a real allocation, so it takes a few seconds where one does not answer. `armorclaw doctor` adds the checks from outside the bridge.",
  roles: operators,
  effect: "read",
  params: z.strictObject({}),
  result: z.object({ status: z.enum(["ok", "trouble"]), checks: z.array(DoctorCheck) }),
  errors: [],
  example: {
    params: {},
    result: {
      status: "trouble",
      checks: [
        {
          name: "relay",
          status: "trouble",
          found: "turn:turn.example.org:3478 cannot be reached: nothing listens there",
          remedy: "Start coturn there (`systemctl start coturn`), or correct webrtc.turn_urls",
        },
      ],
    },
  },
});

const shutdown = defineMethod({
  summary: "Stop the bridge and its agents in an orderly way.",
  description: "Answers at once; the bridge then drains as it does on SIGTERM.",
  roles: ["admin"],
  effect: "write",
  params: z.strictObject({ grace_ms: DurationMs.default(10_000).describe("Time for calls and agents to finish.") }),
  result: z.object({ status: z.literal("draining") }),
  errors: [],
  example: { params: {}, result: { status: "draining" } },
});

const panic = defineMethod({
  summary: "Freeze every agent at once, then kill them all.",
  description: "No agent starts before `bridge.resume`, even after a restart of the bridge.",
  roles: operators,
  effect: "write",
  params: z.strictObject({
    reason: z.string().max(200).default("asked for").describe("The reason, for the people who are notified."),
  }),
  result: z.object({
    agents: z.int().describe("How many agents were frozen and killed."),
    frozen_ms: z.number().describe("The time until the last agent was frozen."),
    killed_ms: z.number().describe("The time until the last agent had ended."),
  }),
  errors: [],
  example: {
    params: { reason: "Someone I do not know talks to my agents" },
    result: { agents: 3, frozen_ms: 12.5, killed_ms: 80.2 },
  },
});

const resume = defineMethod({
  summary: "End the panic and start the wanted agents.",
  description: "Answers at once; `agent.list` shows how the starts go. Without a panic it does nothing.",
  roles: operators,
  effect: "write",
  params: z.strictObject({}),
  result: z.object({ agents: z.int().describe("How many agents are being started.") }),
  errors: [],
  example: { params: {}, result: { agents: 3 } },
});

/** Every method of this file, by its name. */
export const bridgeMethods = {
  "bridge.status": status,
  "bridge.health": health,
  "bridge.doctor": doctor,
  "bridge.shutdown": shutdown,
  "bridge.panic": panic,
  "bridge.resume": resume,
} as const;
