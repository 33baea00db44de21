import * as z from "zod";
import { defineEvent } from "../define.ts";

export const started = defineEvent({
  summary: "The bridge serves its socket.",
  channel: "bridge.started",
  priority: "normal",
  data: z.object({ version: z.string(), pid: z.int(), engine: z.enum(["docker", "sandbox", "process"]) }),
  example: { version: "0.1.0", pid: 4711, engine: "sandbox" },
});

export const draining = defineEvent({
  summary: "The bridge is shutting down.",
  channel: "bridge.draining",
  priority: "high",
  data: z.object({ grace_ms: z.int() }),
  example: { grace_ms: 10_000 },
});
