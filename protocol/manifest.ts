import * as z from "zod";
import { ChannelPattern, ConfigName, LoopName } from "./ids.ts";

/** A right that a loop asks for beyond its own channels; the operator's configuration may take it away. */
export const Grant = z.enum(["system.info", "speech.programs"]).meta({
  id: "Grant",
  description:
    "A right of a loop: `system.info` lets it read the host's and all agents' usage; `speech.programs` lets it run the host's espeak-ng and pocketsphinx in its container.",
});
export type Grant = z.output<typeof Grant>;

/** What an agent's container may use. */
export const AgentLimits = z
  .strictObject({
    memory_bytes: z
      .int()
      .min(32 * 1024 * 1024)
      .describe("Memory, without swap."),
    cpus: z.number().min(0.05).max(64).describe("Share of processors; 0.5 is half of one."),
    pids: z.int().min(16).max(4096).describe("Processes and threads."),
    tmp_bytes: z
      .int()
      .min(1024 * 1024)
      .describe("Size of /tmp, which counts as memory."),
  })
  .meta({ id: "AgentLimits" });
export type AgentLimits = z.output<typeof AgentLimits>;

/** What a loop calls one of its secrets. */
export const SecretName = z
  .string()
  .max(40)
  .regex(/^[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*$/)
  .meta({ id: "SecretName", description: "What a loop calls one of its secrets." });

export const SecretMode = z.enum(["inject", "use"]).meta({
  id: "SecretMode",
  description:
    "inject: the agent gets the secret, in memory, once; use: the bridge makes the calls with it for the agent.",
});
export type SecretMode = z.output<typeof SecretMode>;

export const HttpMethod = z.enum(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]);
export type HttpMethod = z.output<typeof HttpMethod>;

/** Where a secret may be taken. */
export const SecretDestination = z
  .strictObject({
    host: z
      .string()
      .max(253)
      .regex(/^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/, "Expected one host name in lower case, without wildcards")
      .describe("Exactly this host."),
    port: z.int().min(1).max(65_535).default(443),
    methods: z.array(HttpMethod).min(1).default(["GET", "POST"]),
    path: z.string().startsWith("/").max(500).default("/").describe("This path, and what lies below it."),
  })
  .meta({ id: "SecretDestination", description: "Where a secret may be taken: host, methods and path." });
export type SecretDestination = z.output<typeof SecretDestination>;

/** A secret that a loop asks for. Asking gives nothing: an operator grants it. */
export const SecretRequest = z
  .strictObject({
    name: SecretName,
    mode: SecretMode,
    purpose: z.string().min(1).max(200),
    destinations: z.array(SecretDestination).max(32).default([]).describe("For `use`: where the bridge may take it."),
  })
  .meta({ id: "SecretRequest" });
export type SecretRequest = z.output<typeof SecretRequest>;

/** What an agent can do, as tasks name it. */
export const Capability = z
  .string()
  .max(40)
  .regex(/^[a-z][a-z0-9]*(?:[-_.][a-z0-9]+)*$/, "Expected lower-case words")
  .meta({ id: "Capability", description: "What an agent can do, as tasks name it." });

/** Channels besides its own that a loop uses. */
export const LoopChannels = z
  .strictObject({
    subscribe: z.array(ChannelPattern).max(32).default([]),
    publish: z.array(ChannelPattern).max(32).default([]),
  })
  .meta({ id: "LoopChannels", description: "Channels besides its own that a loop uses." });

/** A directory of an agent's own that is kept over its restarts and the bridge's. */
export const Workspace = z
  .strictObject({
    size_bytes: z
      .int()
      .min(8 * 1024 * 1024)
      .max(1024 ** 4)
      .multipleOf(4096)
      .describe("Size of the file system, its own tables included; the kernel refuses what is over it."),
  })
  .meta({
    id: "Workspace",
    description:
      "A directory of the agent's own, /workspace, kept over restarts of agent and bridge. It runs no programs. It needs a bridge that runs as root, and Docker or sandboxes.",
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
      "When an idle agent is suspended. What arrives for one of its named subscriptions wakes it: an event that its loop subscribes to, a message, an offered task.",
  });
export type IdlePolicy = z.output<typeof IdlePolicy>;

/** What a loop is and needs: the part of a loop that the bridge reads. */
export const LoopManifest = z
  .strictObject({
    name: LoopName,
    summary: z.string().min(1).max(200),
    grants: z.array(Grant).describe("Rights beyond its own channels."),
    secrets: z.array(SecretRequest).max(32).default([]).describe("Secrets that it asks for."),
    configs: z.array(ConfigName).max(32).default([]).describe("Attached configurations that it reads."),
    channels: LoopChannels.prefault({}),
    subscriptions: z
      .array(ChannelPattern)
      .max(32)
      .default([])
      .describe("Channels whose events its agents are handed one by one, none lost; they need the right to them."),
    idle: IdlePolicy.optional().describe("When its agents are suspended; never when left out."),
    sends_to: z.array(LoopName).max(32).default([]).describe("Loops whose agents it may send messages and tasks to."),
    capabilities: z.array(Capability).max(32).default([]).describe("What its agents can do: tasks for any of these."),
    limits: AgentLimits,
    workspace: Workspace.optional().describe("None when left out."),
    standby: z
      .boolean()
      .default(false)
      .describe("Each of its agents keeps a second container, which stands by and takes over when the first one dies."),
    schedule: z.strictObject({ every_ms: z.int().min(100) }).describe("How often the loop's work runs."),
    heartbeat_ms: z.int().min(100).max(60_000).describe("How often the agent tells the bridge that it is alive."),
    ttl_ms: z.int().min(100).max(2_000_000_000).optional().describe("Its agents are stopped after this long."),
    after: z
      .array(LoopName)
      .max(16)
      .default([])
      .describe("Loops of which an agent must be ready before it is started."),
    restart: z.enum(["always", "on-failure", "never"]).describe("Whether the bridge starts it again when it ends."),
  })
  .meta({ id: "LoopManifest", description: "What a loop is and needs." });
export type LoopManifest = z.output<typeof LoopManifest>;
/** As written in a loop's file. */
export type LoopManifestInput = z.input<typeof LoopManifest>;
