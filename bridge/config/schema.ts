import { AgentLimits, Grant, LoopName, limits } from "@armorclaw/protocol";
import * as z from "zod";

const milliseconds = z.int().min(0).max(86_400_000);

/** Everything that can be set, in the words of the configuration file. Every key has a default. */
export const ConfigSchema = z.strictObject({
  engine: z
    .enum(["auto", "docker", "sandbox", "process"])
    .default("auto")
    .describe(
      "What runs agents' containers. auto: Docker when it answers, else the bubblewrap sandbox, else a plain process.",
    ),
  allow_unsandboxed: z
    .boolean()
    .default(false)
    .describe("Let any loop run on the `process` engine, which is no sandbox."),
  runtime_dir: z.string().min(1).optional().describe("Holds the sockets. Its default depends on the user."),
  state_dir: z.string().min(1).optional().describe("Holds what outlives a restart. Its default depends on the user."),
  log_level: z.enum(["debug", "info", "warn", "error", "silent"]).default("info").describe("What goes to stderr."),
  shutdown_grace_ms: milliseconds.default(10_000).describe("Time for calls and agents to finish at a stop."),
  docker: z
    .strictObject({
      host: z.string().min(1).optional().describe("As DOCKER_HOST has it, e.g. unix:///run/docker.sock."),
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
        .describe("Kept of each agent's output; the oldest lines go first."),
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
        .describe("This many failures within the window end in `failed`."),
      window_ms: milliseconds.default(600_000),
    })
    .prefault({}),
  events: z
    .strictObject({
      history_max: z.int().min(1).max(1_000_000).default(10_000).describe("How many events are remembered."),
    })
    .prefault({}),
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
      write_deadline_ms: milliseconds.default(10_000).describe("How long a queue may stay over its bound."),
      call_deadline_ms: milliseconds.default(120_000).describe("The longest a call may take, streams apart."),
    })
    .prefault({}),
  loops: z
    .record(
      LoopName,
      z.strictObject({
        limits: AgentLimits.partial().optional().describe("Instead of the manifest's."),
        grants: z.array(Grant).optional().describe("Instead of what the manifest asks for."),
      }),
    )
    .default({}),
});

/** The configuration as parsed, in snake_case as in its file. */
export type Config = z.output<typeof ConfigSchema>;

/** One key that holds a value rather than other keys, e.g. `agents.max`. */
export interface Leaf {
  readonly key: string;
  readonly schema: z.ZodType;
  readonly description: string | undefined;
}

/** Every key that holds a value, in the schema's order. `loops` counts as one. */
export function leaves(schema: z.ZodType = ConfigSchema, prefix = ""): Leaf[] {
  const inner = unwrap(schema);
  if (!(inner instanceof z.ZodObject)) return [{ key: prefix, schema, description: schema.description }];
  return Object.entries(inner.shape as Record<string, z.ZodType>).flatMap(([name, child]) =>
    leaves(child, prefix === "" ? name : `${prefix}.${name}`),
  );
}

/** The type under defaults and options. */
export function unwrap(schema: z.ZodType): z.ZodType {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional) {
    return unwrap(schema.def.innerType as z.ZodType);
  }
  return schema;
}

/** `agents.max` → `ARMORCLAW_AGENTS_MAX`. */
export const environmentName = (key: string): string => `ARMORCLAW_${key.replaceAll(".", "_").toUpperCase()}`;
