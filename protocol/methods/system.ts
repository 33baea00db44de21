import * as z from "zod";
import { AgentUsage, exampleUsage } from "../types/agent-info.ts";
import { defineMethod } from "../types/define.ts";
import { everyone } from "../types/roles.ts";

export const HostInfo = z
  .object({
    cpus: z.int(),
    cpu_percent: z
      .number()
      .nullable()
      .describe("The use of all processors since the previous reading; null at the first reading."),
    load: z.tuple([z.number(), z.number(), z.number()]).describe("Load averages over 1, 5 and 15 minutes."),
    memory_total_bytes: z.int(),
    memory_available_bytes: z.int(),
    disk_total_bytes: z.int().describe("The file system of the state directory."),
    disk_free_bytes: z.int(),
    uptime_s: z.int(),
  })
  .meta({ id: "HostInfo" });
export type HostInfo = z.output<typeof HostInfo>;

const info = defineMethod({
  summary: "Measure the host and every running agent.",
  description: "An agent needs the grant `system.info`.",
  roles: everyone,
  effect: "read",
  grant: "system.info",
  scope: { rows: "agents", agent: "agent_id" },
  params: z.strictObject({}),
  result: z.object({
    host: HostInfo,
    agents: z.array(AgentUsage),
    health: z
      .object({
        status: z.enum(["ok", "degraded"]),
        agents_running: z.int(),
        problems: z.array(z.string()).describe("The faults that `bridge.health` found, one sentence each."),
      })
      .describe("The result of `bridge.health`, for agents, which may not call that method."),
  }),
  errors: [],
  example: {
    params: {},
    result: {
      host: {
        cpus: 2,
        cpu_percent: 12.5,
        load: [0.4, 0.3, 0.2],
        memory_total_bytes: 25_000_000_000,
        memory_available_bytes: 20_000_000_000,
        disk_total_bytes: 250_000_000_000,
        disk_free_bytes: 80_000_000_000,
        uptime_s: 86_400,
      },
      agents: [exampleUsage],
      health: { status: "ok", agents_running: 1, problems: [] },
    },
  },
});

/** Every method of this file, by its name. */
export const systemMethods = {
  "system.info": info,
} as const;
