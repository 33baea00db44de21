import * as z from "zod";
import { defineEvent } from "../types/define.ts";

const deadLettered = defineEvent({
  summary: "An event became a dead letter: it could not be delivered to a durable subscription.",
  channel: "event.dead_lettered",
  priority: "high",
  data: z.object({
    dead_letter_id: z.int(),
    owner: z.string(),
    name: z.string(),
    event_id: z.string(),
    event_type: z.string(),
    attempts: z.int(),
    reason: z.string(),
  }),
  example: {
    dead_letter_id: 1,
    owner: "user:1000",
    name: "pager",
    event_id: "01f0c6a2-7",
    event_type: "agent.exited",
    attempts: 10,
    reason: "It was not acknowledged within 30000 ms",
  },
});

/** Every event of this file, by its type. */
export const eventEvents = {
  "event.dead_lettered": deadLettered,
} as const;
