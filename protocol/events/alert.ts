import * as z from "zod";
import { defineEvent } from "../define.ts";

const alert = {
  rule: z.string(),
  key: z.string().describe("What the alert is about: while it is open, the same is not told again."),
  severity: z.enum(["info", "warning", "critical"]),
  text: z.string(),
};
const example = {
  rule: "agent-failed",
  key: "heartbeat-1",
  severity: "critical" as const,
  text: "heartbeat-1 failed: 5 failures within 10 minutes",
};

export const raised = defineEvent({
  summary: "A rule found something that a person should hear of.",
  channel: "alert.<rule>.raised",
  priority: "high",
  data: z.object({ ...alert, event_id: z.string() }),
  example: { ...example, event_id: "01f0c6a2-7" },
});

export const recovered = defineEvent({
  summary: "What an alert was about is over.",
  channel: "alert.<rule>.recovered",
  priority: "normal",
  data: z.object(alert),
  example,
});

export const pulseFailed = defineEvent({
  summary: "The watcher outside, which notices the bridge's silence, cannot be reached.",
  channel: "alert.pulse_failed",
  priority: "high",
  data: z.object({ failures: z.int(), reason: z.string() }),
  example: { failures: 3, reason: "503" },
});

export const pulseRecovered = defineEvent({
  summary: "The watcher outside is reached again.",
  channel: "alert.pulse_recovered",
  priority: "normal",
  data: z.object({}),
  example: {},
});

export const diskLow = defineEvent({
  summary: "The disk of the state directory has little room left.",
  channel: "bridge.disk_low",
  priority: "critical",
  data: z.object({ free_bytes: z.int() }),
  example: { free_bytes: 104_857_600 },
});

export const diskRecovered = defineEvent({
  summary: "The disk of the state directory has room again.",
  channel: "bridge.disk_recovered",
  priority: "normal",
  data: z.object({ free_bytes: z.int() }),
  example: { free_bytes: 10_737_418_240 },
});

export const interrupted = defineEvent({
  summary: "The bridge runs again after it ended without an orderly stop.",
  channel: "bridge.interrupted",
  priority: "high",
  data: z.object({ last_event_at: z.string().nullable().describe("The last event before it ended.") }),
  example: { last_event_at: "2026-11-21T08:00:00.000Z" },
});
