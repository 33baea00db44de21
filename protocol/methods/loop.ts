import * as z from "zod";
import { defineMethod } from "../types/define.ts";
import { LoopName } from "../types/ids.ts";
import { LoopManifest } from "../types/manifest.ts";
import { people } from "../types/roles.ts";

const LoopInfo = LoopManifest.extend({ agents: z.int().describe("How many of its agents run.") }).meta({
  id: "LoopInfo",
});

const exampleLoop = {
  name: "heartbeat",
  summary: "Sends numbered pulses, so that people notice when they stop.",
  grants: [],
  limits: { memory_bytes: 134_217_728, cpus: 0.5, pids: 32, tmp_bytes: 16_777_216 },
  schedule: { every_ms: 2_000 },
  heartbeat_ms: 2_000,
  restart: "always" as const,
  agents: 1,
};

const list = defineMethod({
  summary: "List the loops: the kinds of agent that can be started.",
  roles: people,
  effect: "read",
  scope: "open",
  params: z.strictObject({}),
  result: z.object({ loops: z.array(LoopInfo) }),
  errors: [],
  example: { params: {}, result: { loops: [exampleLoop] } },
});

const get = defineMethod({
  summary: "Show one loop's manifest.",
  roles: people,
  effect: "read",
  scope: "open",
  params: z.strictObject({ name: LoopName }),
  result: LoopInfo,
  errors: ["LOOP_NOT_FOUND"],
  example: { params: { name: "heartbeat" }, result: exampleLoop },
});

/** Every method of this file, by its name. */
export const loopMethods = {
  "loop.list": list,
  "loop.get": get,
} as const;
