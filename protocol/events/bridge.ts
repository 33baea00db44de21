import * as z from "zod";
import { defineEvent } from "../types/define.ts";

const started = defineEvent({
  summary: "The bridge serves its socket.",
  channel: "bridge.started",
  priority: "normal",
  data: z.object({ version: z.string(), pid: z.int(), engine: z.enum(["docker", "sandbox", "process"]) }),
  example: { version: "0.1.0", pid: 4711, engine: "sandbox" },
});

const draining = defineEvent({
  summary: "The bridge is shutting down.",
  channel: "bridge.draining",
  priority: "high",
  data: z.object({ grace_ms: z.int() }),
  example: { grace_ms: 10_000 },
});

const panicked = defineEvent({
  summary: "Every agent was frozen and killed. None starts until bridge.resume.",
  channel: "bridge.panicked",
  priority: "critical",
  data: z.object({ agents: z.int(), frozen_ms: z.number(), reason: z.string() }),
  example: { agents: 3, frozen_ms: 12.5, reason: "Someone I do not know talks to my agents" },
});

const resumed = defineEvent({
  summary: "The panic is over, and wanted agents are started again.",
  channel: "bridge.resumed",
  priority: "high",
  data: z.object({ agents: z.int() }),
  example: { agents: 3 },
});

const engineUnreachable = defineEvent({
  summary: "The engine that runs the containers does not answer; nothing can be started.",
  channel: "bridge.engine_unreachable",
  priority: "critical",
  data: z.object({ message: z.string() }),
  example: { message: "The Docker engine does not answer: there is no socket" },
});

const engineReachable = defineEvent({
  summary: "The engine answers again.",
  channel: "bridge.engine_reachable",
  priority: "high",
  data: z.object({ away_ms: z.int() }),
  example: { away_ms: 4_200 },
});

const loginsRefused = defineEvent({
  summary: "Peers of a listener sent wrong tokens. The first is published at once, further ones of a minute together.",
  channel: "bridge.logins_refused",
  priority: "high",
  data: z.object({
    count: z.int().describe("The number of wrong tokens that this event reports."),
    address: z.string().describe("The address of the last peer."),
  }),
  example: { count: 3, address: "192.0.2.7" },
});

const stalled = defineEvent({
  summary:
    "The bridge's one thread stood still for longer than 250 ms. The first stall is published at once, further ones of ten seconds together.",
  channel: "bridge.stalled",
  priority: "high",
  data: z.object({
    stalled_ms: z.int().describe("The longest of the stalls that this event reports."),
    count: z.int().describe("How many there were."),
    cpu_ms: z.int().describe("Processor time that the bridge used meanwhile."),
    principal: z.string().nullable().describe("Whose call ran; null when no call explains the stall."),
    method: z.string().nullable().describe("The method that was called last."),
    bytes: z.int().describe("The bytes that were read for it."),
  }),
  example: {
    stalled_ms: 412,
    count: 1,
    cpu_ms: 405,
    principal: "agent:mail-1",
    method: "event.publish",
    bytes: 16_000_000,
  },
});

/** Every event of this file, by its type. */
export const bridgeEvents = {
  "bridge.logins_refused": loginsRefused,
  "bridge.stalled": stalled,
  "bridge.started": started,
  "bridge.draining": draining,
  "bridge.panicked": panicked,
  "bridge.resumed": resumed,
  "bridge.engine_unreachable": engineUnreachable,
  "bridge.engine_reachable": engineReachable,
} as const;
