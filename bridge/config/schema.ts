import {
  AgentLimits,
  ChannelPattern,
  ConfigName,
  Grant,
  IdlePolicy,
  LoopName,
  limits,
  SecretRequest,
  Workspace,
} from "@armorclaw/protocol";
import * as z from "zod";
import { AlertsConfig } from "./alerts-schema.ts";
import { type CamelCase, type CamelCased, ofContract } from "./camel-case.ts";
import { type Leaf, leavesOf } from "./leaves.ts";
import { ListenConfig, RateLimitsConfig, sealKeyFile } from "./listen-schema.ts";
import { MatrixConfig, MatrixRoom } from "./matrix-schema.ts";
import { BudgetConfig, LlmConfig } from "./money-schema.ts";
import { VoiceConfig } from "./voice-schema.ts";

const milliseconds = z.int().min(0).max(86_400_000);

/** Everything that can be set, in the words of the configuration file. Every key has a default. */
export const ConfigSchema = z.strictObject({
  engine: z
    .enum(["auto", "docker", "sandbox", "process"])
    .default("auto")
    .describe(
      "What runs agents' containers. auto: the engine that still runs agents of this install, which the bridge waits for when it does not answer; else Docker when it answers, else the bubblewrap sandbox, else a plain process.",
    ),
  allow_unsandboxed: z
    .boolean()
    .default(false)
    .describe("Let any loop run on the `process` engine, which is no sandbox."),
  runtime_dir: z.string().min(1).optional().describe("Holds the sockets. Its default depends on the user."),
  state_dir: z
    .string()
    .min(1)
    .optional()
    .describe("Holds the data that outlives a restart. Its default depends on the user."),
  log_level: z
    .enum(["debug", "info", "warn", "error", "silent"])
    .default("info")
    .describe("The lowest level that is written to stderr."),
  shutdown_grace_ms: milliseconds
    .default(10_000)
    .describe("Time for calls and agents to finish when the bridge stops."),
  docker: z
    .strictObject({
      host: z
        .string()
        .min(1)
        .optional()
        .describe("The engine's address in the form of DOCKER_HOST, e.g. unix:///run/docker.sock."),
      runtime: z.string().min(1).optional().describe("An OCI runtime that the engine knows, e.g. runsc."),
    })
    .prefault({}),
  agents: z
    .strictObject({
      start: z
        .array(LoopName)
        .default(["heartbeat", "system-monitor"] as LoopName[])
        .describe("Loops started with the bridge."),
      max: z.int().min(1).max(1000).default(100).describe("The most agents that run at once."),
      hello_deadline_ms: milliseconds.default(30_000).describe("Time from a container's start to its hello."),
      stop_grace_ms: milliseconds.default(5_000).describe("Time between SIGTERM and SIGKILL."),
      log_bytes_max: z
        .int()
        .min(4096)
        .default(1_048_576)
        .describe(
          "How much of each agent's output is kept, in memory and on disk; the oldest lines are dropped first.",
        ),
      log_bytes_per_second: z
        .int()
        .min(1024)
        .default(65_536)
        .describe(
          "How much an agent may write to its log per second, and ten times as much at once; the rest is dropped and counted.",
        ),
      events_per_second: z
        .int()
        .min(1)
        .default(100)
        .describe(
          "How many events, messages, tasks and questions an agent may make per second, and ten times as many at once; further ones are refused.",
        ),
      event_bytes_per_second: z
        .int()
        .min(65_536)
        .default(1_048_576)
        .describe("How many bytes these may take per second, and ten times as many at once; further ones are refused."),
      hang_after_ms: milliseconds
        .min(500)
        .default(10_000)
        .describe("An agent that gives no sign of life for this long is killed and started again."),
      reconcile_ms: milliseconds
        .min(100)
        .default(5_000)
        .describe("How often the running containers are compared with the desired state."),
      usage_interval_ms: milliseconds
        .min(100)
        .default(5_000)
        .describe("How often the agents' use of memory and processor is measured."),
    })
    .prefault({}),
  restart: z
    .strictObject({
      initial_ms: milliseconds.default(500).describe("Wait before the first restart; doubles with each, with jitter."),
      max_ms: milliseconds.default(60_000).describe("The longest wait."),
      healthy_after_ms: milliseconds.default(600_000).describe("After running this long the wait starts over."),
      failures_max: z
        .int()
        .min(1)
        .max(1000)
        .default(5)
        .describe("An agent that fails this many times within the window becomes `failed`."),
      window_ms: milliseconds.default(600_000),
    })
    .prefault({}),
  events: z
    .strictObject({
      retention_days: z.number().min(0.01).max(3650).default(7).describe("How long durable events are kept."),
      retention_bytes: z
        .int()
        .min(1_048_576)
        .default(256 * 1024 * 1024)
        .describe("The most bytes of durable events; the oldest are deleted first."),
      volatile_retention_minutes: z
        .number()
        .min(1)
        .max(1_000_000)
        .default(60)
        .describe("How long volatile events, such as heartbeats, are kept."),
      volatile_bytes: z
        .int()
        .min(1_048_576)
        .default(32 * 1024 * 1024)
        .describe("The most bytes of volatile events."),
    })
    .prefault({}),
  alerts: AlertsConfig,
  webhooks: z
    .record(z.string().regex(/^[a-z][a-z0-9-]{0,39}$/), z.url({ protocol: /^https?$/ }))
    .default({})
    .describe("Names of webhooks, and the URLs that messages for them are posted to."),
  rpc: z
    .strictObject({
      frame_bytes_max: z
        .int()
        .min(1024)
        .max(limits.frameBytesMax)
        .default(limits.frameBytesMax)
        .describe("The longest line."),
      batch_max: z.int().min(1).max(limits.batchMax).default(limits.batchMax).describe("The most requests in a batch."),
      in_flight_max: z.int().min(1).default(4096).describe("The most unanswered calls of one connection."),
      connections_max: z.int().min(1).default(1024).describe("The most connections of one principal."),
      queue_bytes_max: z
        .int()
        .min(65_536)
        .default(8 * 1024 * 1024)
        .describe("The most unsent bytes of one connection."),
      busy_ms_per_s: z
        .int()
        .min(10)
        .max(1000)
        .default(100)
        .describe(
          "How much of the bridge's one thread the lines of a principal may take, in milliseconds per second, and five times as much at once. Beyond it the principal's connections are read later. Admins have no such bound.",
        ),
      write_deadline_ms: milliseconds
        .default(10_000)
        .describe("How long a connection's queue may stay over its bound before the connection is closed."),
      call_deadline_ms: milliseconds.default(120_000).describe("The longest a call may take, streams apart."),
      seal_key_file: sealKeyFile(
        "for the bridge's own socket or pipe, which then takes sealed messages alone and no HTTP. The command line reads it too.",
      ),
    })
    .prefault({}),
  keystore: z
    .strictObject({
      source: z
        .enum(["auto", "passphrase", "key-file", "keyring", "credentials"])
        .default("auto")
        .describe("What unlocks the keystore. auto: systemd's credential when there is one, else the key file."),
      key_file: z
        .string()
        .min(1)
        .optional()
        .describe(
          "A file that its owner alone may read; the first start creates it. In the state directory when left out.",
        ),
      auto_lock_ms: milliseconds.default(0).describe("Lock after this long without use; 0 for never."),
      reveal: z.boolean().default(true).describe("Let an admin at the bridge's own socket see a key's value."),
    })
    .prefault({}),
  audit: z
    .strictObject({
      entries_max: z
        .int()
        .min(1_000)
        .default(1_000_000)
        .describe("The most entries that are kept; deleted entries leave a mark in the chain."),
      anchor_file: z
        .string()
        .min(1)
        .optional()
        .describe(
          "A second file for the heads of the audit chain, if possible on another disk. In the state directory when left out.",
        ),
    })
    .prefault({}),
  approvals: z
    .strictObject({
      ttl_ms: milliseconds.default(900_000).describe("Time for an answer; without one the request is denied."),
      pending_max: z.int().min(1).max(1_000).default(16).describe("The most open questions of one agent."),
      rules: z
        .array(
          z.strictObject({
            loops: z.array(LoopName).optional().describe("All loops when left out."),
            method: z.string().min(1).describe("The method whose calls need a person's approval, e.g. http.request."),
            hosts: z.array(z.string().min(1)).optional().describe("For http.request: only calls to these hosts."),
            http_methods: z.array(z.string().min(1)).optional().describe("For http.request: only these HTTP methods."),
            answerers: z
              .array(z.string().min(1))
              .optional()
              .describe("Who may answer, e.g. user:1000; everyone whose role allows it when left out."),
          }),
        )
        .default([]),
    })
    .prefault({}),
  http: z
    .strictObject({
      private_hosts: z
        .array(z.string().min(1))
        .default([])
        .describe("Hosts at private addresses that granted calls may reach, over plain HTTP too."),
      failures_max: z
        .int()
        .min(1)
        .default(5)
        .describe(
          "After this many failures of a host in a row, no granted call and no webhook is sent to it for a while.",
        ),
      open_ms: z
        .int()
        .min(100)
        .max(3_600_000)
        .default(30_000)
        .describe("How long nothing is sent to it, in milliseconds."),
    })
    .prefault({}),
  matrix: MatrixConfig,
  store: z
    .strictObject({
      ballast_bytes: z
        .int()
        .min(0)
        .max(1_073_741_824)
        .default(16_777_216)
        .describe("Disk space that is reserved, and released when the disk is full."),
    })
    .prefault({}),
  listen: ListenConfig,
  rate_limits: RateLimitsConfig,
  budget: BudgetConfig,
  llm: LlmConfig,
  webrtc: VoiceConfig,
  loops: z
    .record(
      LoopName,
      z.strictObject({
        limits: ofContract(AgentLimits.partial()).optional().describe("Instead of the manifest's."),
        grants: z.array(ofContract(Grant)).optional().describe("Instead of the manifest's grants."),
        after: z.array(LoopName).max(16).optional().describe("Instead of the manifest's."),
        ttl_ms: z
          .int()
          .min(100)
          .max(2_000_000_000)
          .optional()
          .describe("The loop's agents are stopped after this long."),
        subscriptions: z
          .array(ChannelPattern)
          .max(32)
          .optional()
          .describe("Instead of the manifest's: channels that its agents are handed the events of, and may read."),
        idle: ofContract(IdlePolicy).optional().describe("Instead of the manifest's: when its agents are suspended."),
        workspace: ofContract(Workspace).optional().describe("Instead of the manifest's: a directory that is kept."),
        standby: z
          .boolean()
          .optional()
          .describe(
            "Instead of the manifest's: whether each of its agents keeps a second container, which stands by and takes over when the first one dies. It costs the memory of an idle agent.",
          ),
        rooms: z.array(MatrixRoom).max(32).optional().describe("Matrix rooms that the loop's agents read and write."),
        secrets: z
          .array(ofContract(SecretRequest))
          .max(32)
          .optional()
          .describe("Instead of the secrets that the manifest asks for."),
        configs: z
          .array(ConfigName)
          .max(32)
          .optional()
          .describe("Instead of the configurations that the manifest lists."),
      }),
    )
    .default({}),
});

/** The configuration as its file has it, with a value for every key. */
export type ConfigValues = z.output<typeof ConfigSchema>;

type LoopValues = ConfigValues["loops"][LoopName];

/** What the operator changed of one loop. Its values are parts of a manifest and keep the contract's keys. */
export type LoopConfig = { [Key in keyof LoopValues as CamelCase<Key>]: LoopValues[Key] };

/** The configuration as the bridge's domains take it. Its paths always have a value, which depends on the user. */
export type Config = CamelCased<Omit<ConfigValues, "loops" | "keystore" | "audit">> & {
  readonly keystore: CamelCased<ConfigValues["keystore"]> & { readonly keyFile: string };
  readonly audit: CamelCased<ConfigValues["audit"]> & { readonly anchorFile: string };
  readonly loops: Record<LoopName, LoopConfig>;
  readonly runtimeDir: string;
  readonly stateDir: string;
};

export const leaves = (): Leaf[] => leavesOf(ConfigSchema);
