import * as z from "zod";
import { defineEvent } from "../types/define.ts";

const alert = {
  rule: z.string(),
  key: z.string().describe("Identifies the alert within its rule. While it is open, it is not sent again."),
  severity: z.enum(["info", "warning", "critical"]),
  text: z.string(),
};
const example = {
  rule: "agent-failed",
  key: "heartbeat-1",
  severity: "critical" as const,
  text: "heartbeat-1 failed: 5 failures within 10 minutes",
};

const raised = defineEvent({
  summary: "An event matched a rule, and an alert was raised.",
  channel: "alert.<rule>.raised",
  priority: "high",
  data: z.object({ ...alert, event_id: z.string() }),
  example: { ...example, event_id: "01f0c6a2-7" },
});

const recovered = defineEvent({
  summary: "An alert was resolved.",
  channel: "alert.<rule>.recovered",
  priority: "normal",
  data: z.object(alert),
  example,
});

const pulseFailed = defineEvent({
  summary: "The external watcher that notices the bridge's absence cannot be reached.",
  channel: "alert.pulse_failed",
  priority: "high",
  data: z.object({ failures: z.int(), reason: z.string() }),
  example: { failures: 3, reason: "503" },
});

const pulseRecovered = defineEvent({
  summary: "The external watcher can be reached again.",
  channel: "alert.pulse_recovered",
  priority: "normal",
  data: z.object({}),
  example: {},
});

const diskLow = defineEvent({
  summary: "The disk of the state directory has little free space.",
  channel: "bridge.disk_low",
  priority: "critical",
  data: z.object({ free_bytes: z.int() }),
  example: { free_bytes: 104_857_600 },
});

const diskRecovered = defineEvent({
  summary: "The disk of the state directory has enough free space again.",
  channel: "bridge.disk_recovered",
  priority: "normal",
  data: z.object({ free_bytes: z.int() }),
  example: { free_bytes: 10_737_418_240 },
});

const interrupted = defineEvent({
  summary: "The bridge was restarted after it ended without an orderly stop.",
  channel: "bridge.interrupted",
  priority: "high",
  data: z.object({ last_event_at: z.string().nullable().describe("The last event before it ended.") }),
  example: { last_event_at: "2026-11-21T08:00:00.000Z" },
});

/** Every event of this file, by its type. */
export const alertEvents = {
  "alert.raised": raised,
  "alert.recovered": recovered,
  "alert.pulse_failed": pulseFailed,
  "alert.pulse_recovered": pulseRecovered,
  "bridge.disk_low": diskLow,
  "bridge.disk_recovered": diskRecovered,
  "bridge.interrupted": interrupted,
} as const;
