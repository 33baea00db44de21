import * as z from "zod";
import { LoopName } from "./ids.ts";

/** A right that a loop asks for beyond its own channels; the operator's configuration may take it away. */
export const Grant = z
  .enum(["system.info"])
  .meta({
    id: "Grant",
    description: "A right of a loop: `system.info` lets it read the host's and all agents' usage.",
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

/** What a loop is and needs: the part of a loop that the bridge reads. */
export const LoopManifest = z
  .strictObject({
    name: LoopName,
    summary: z.string().min(1).max(200),
    grants: z.array(Grant).describe("Rights beyond its own channels."),
    limits: AgentLimits,
    schedule: z.strictObject({ every_ms: z.int().min(100) }).describe("How often the loop's work runs."),
    heartbeat_ms: z.int().min(100).max(60_000).describe("How often the agent tells the bridge that it is alive."),
    restart: z.enum(["always", "on-failure", "never"]).describe("Whether the bridge starts it again when it ends."),
  })
  .meta({ id: "LoopManifest", description: "What a loop is and needs." });
export type LoopManifest = z.output<typeof LoopManifest>;
/** As written in a loop's file. */
export type LoopManifestInput = z.input<typeof LoopManifest>;
