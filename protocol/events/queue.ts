import * as z from "zod";
import { defineEvent } from "../types/define.ts";

const message = { message_id: z.int(), destination: z.string(), lane: z.string(), attempts: z.int() };
const example = { message_id: 1, destination: "matrix", lane: "!room:example.org", attempts: 1 };

const sent = defineEvent({
  summary: "A message was delivered.",
  channel: "queue.<destination>.sent",
  priority: "low",
  data: z.object({ ...message, receipt: z.string().nullable().describe("The destination's id of the message.") }),
  example: { ...example, receipt: "$event" },
});

const late = defineEvent({
  summary: "A message could not be delivered for minutes. It is still retried.",
  channel: "queue.<destination>.late",
  priority: "high",
  data: z.object({ ...message, reason: z.string() }),
  example: { ...example, reason: "502" },
});

const dead = defineEvent({
  summary: "A message could not be delivered and is not retried.",
  channel: "queue.<destination>.dead",
  priority: "critical",
  data: z.object({ ...message, reason: z.string() }),
  example: { ...example, reason: "M_FORBIDDEN" },
});

/** Every event of this file, by its type. */
export const queueEvents = {
  "queue.sent": sent,
  "queue.late": late,
  "queue.dead": dead,
} as const;
