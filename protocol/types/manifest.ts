import * as z from "zod";
import { ChannelPattern, ConfigName, LoopName } from "./ids.ts";

/** A right that a loop asks for beyond its own channels. The operator's configuration may withhold it. */
export const Grant = z.enum(["system.info", "speech.programs"]).meta({
  id: "Grant",
  description:
    "A right of a loop: `system.info` lets it read the host's and all agents' usage; `speech.programs` lets it run the host's espeak-ng and pocketsphinx in its container.",
});
export type Grant = z.output<typeof Grant>;

/** The limits of an agent's container. */
export const AgentLimits = z
  .strictObject({
    memory_bytes: z
      .int()
      .min(32 * 1024 * 1024)
      .describe("The limit of memory, without swap."),
    cpus: z.number().min(0.05).max(64).describe("The share of processors; 0.5 is half of one processor."),
    pids: z.int().min(16).max(4096).describe("The number of processes and threads."),
    tmp_bytes: z
      .int()
      .min(1024 * 1024)
      .describe("Size of /tmp, which counts as memory."),
  })
  .meta({ id: "AgentLimits" });
export type AgentLimits = z.output<typeof AgentLimits>;

/** The name that a loop gives one of its secrets. */
export const SecretName = z
  .string()
  .max(40)
  .regex(/^[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*$/)
  .meta({ id: "SecretName", description: "The name that a loop gives one of its secrets." });

export const SecretMode = z.enum(["inject", "use"]).meta({
  id: "SecretMode",
  description:
    "inject: the agent gets the secret once, in memory; use: the bridge makes calls with the secret for the agent.",
});
export type SecretMode = z.output<typeof SecretMode>;

export const HttpMethod = z.enum(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]);
export type HttpMethod = z.output<typeof HttpMethod>;

/** Where the bridge may send a secret. */
export const SecretDestination = z
  .strictObject({
    host: z
      .string()
      .max(253)
      .regex(/^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/, "Expected one host name in lower case, without wildcards")
      .describe("The exact host name."),
    port: z.int().min(1).max(65_535).default(443),
    methods: z.array(HttpMethod).min(1).default(["GET", "POST"]),
    path: z.string().startsWith("/").max(500).default("/").describe("This path and all paths below it."),
  })
  .meta({ id: "SecretDestination", description: "Where the bridge may send a secret: host, methods and path." });
export type SecretDestination = z.output<typeof SecretDestination>;

/** A secret that a loop asks for. The loop gets the secret only when an operator grants it. */
export const SecretRequest = z
  .strictObject({
    name: SecretName,
    mode: SecretMode,
    purpose: z.string().min(1).max(200),
    destinations: z
      .array(SecretDestination)
      .max(32)
      .default([])
      .describe("For `use`: where the bridge may send the secret."),
  })
  .meta({ id: "SecretRequest" });
export type SecretRequest = z.output<typeof SecretRequest>;

/** An ability of an agent, as tasks name it. */
export const Capability = z
  .string()
  .max(40)
  .regex(/^[a-z][a-z0-9]*(?:[-_.][a-z0-9]+)*$/, "Expected lower-case words")
  .meta({ id: "Capability", description: "An ability of an agent, as tasks name it." });

/** Channels that a loop uses besides its own. */
export const LoopChannels = z
  .strictObject({
    subscribe: z.array(ChannelPattern).max(32).default([]),
    publish: z.array(ChannelPattern).max(32).default([]),
  })
  .meta({ id: "LoopChannels", description: "Channels that a loop uses besides its own." });

/** A private directory of an agent that outlives restarts of the agent and of the bridge. */
export const Workspace = z
  .strictObject({
    size_bytes: z
      .int()
      .min(8 * 1024 * 1024)
      .max(1024 ** 4)
      .multipleOf(4096)
      .describe("Size of the file system, its own tables included. The kernel refuses writes beyond it."),
  })
  .meta({
    id: "Workspace",
    description:
      "A private directory of the agent, /workspace, that outlives restarts of the agent and of the bridge. No program runs from it. It needs a bridge that runs as root, and Docker or sandboxes.",
  });
export type Workspace = z.output<typeof Workspace>;

/** When an idle agent is suspended, and how. */
export const IdlePolicy = z
  .strictObject({
    suspend_after_ms: z
      .int()
      .min(100)
      .max(604_800_000)
      .describe("The agent is suspended after it had nothing to do for this long."),
    mode: z
      .enum(["stop", "freeze"])
      .default("stop")
      .describe(
        "stop: the container is stopped and uses nothing; freeze: the container keeps its memory and continues at once.",
      ),
  })
  .meta({
    id: "IdlePolicy",
    description:
      "When an idle agent is suspended. An event for one of its named subscriptions wakes it: an event that its loop subscribes to, a message, or an offered task.",
  });
export type IdlePolicy = z.output<typeof IdlePolicy>;

/** The part of a loop that the bridge reads: what the loop is and needs. */
export const LoopManifest = z
  .strictObject({
    name: LoopName,
    summary: z.string().min(1).max(200),
    grants: z.array(Grant).describe("Rights beyond its own channels."),
    secrets: z.array(SecretRequest).max(32).default([]).describe("Secrets that the loop asks for."),
    configs: z.array(ConfigName).max(32).default([]).describe("Attached configurations that the loop reads."),
    channels: LoopChannels.prefault({}),
    subscriptions: z
      .array(ChannelPattern)
      .max(32)
      .default([])
      .describe(
        "Channels whose events are delivered to its agents in order and at least once; the agents need the right to read them.",
      ),
    idle: IdlePolicy.optional().describe("When its agents are suspended. They are never suspended when left out."),
    sends_to: z.array(LoopName).max(32).default([]).describe("Loops to whose agents it may send messages and tasks."),
    capabilities: z
      .array(Capability)
      .max(32)
      .default([])
      .describe("Abilities of its agents. They may claim tasks that name one of these."),
    limits: AgentLimits,
    workspace: Workspace.optional().describe("Its agents have no workspace when left out."),
    standby: z
      .boolean()
      .default(false)
      .describe("Whether each of its agents keeps a second container that takes over when the first one ends."),
    schedule: z.strictObject({ every_ms: z.int().min(100) }).describe("How often the loop's work runs."),
    heartbeat_ms: z.int().min(100).max(60_000).describe("How often the agent sends a heartbeat."),
    ttl_ms: z.int().min(100).max(2_000_000_000).optional().describe("Its agents are stopped after this long."),
    after: z
      .array(LoopName)
      .max(16)
      .default([])
      .describe("Loops of which an agent must be ready before it is started."),
    restart: z
      .enum(["always", "on-failure", "never"])
      .describe("Whether the bridge starts an agent again when it ends."),
  })
  .meta({ id: "LoopManifest", description: "What a loop is and needs." });
export type LoopManifest = z.output<typeof LoopManifest>;
/** A manifest as written in a loop's file, without defaults. */
export type LoopManifestInput = z.input<typeof LoopManifest>;
