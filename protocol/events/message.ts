import * as z from "zod";
import { defineEvent } from "../types/define.ts";

const message = defineEvent({
  summary: "A message was sent to an agent.",
  channel: "agent.<agent_id>.message",
  priority: "normal",
  data: z.object({
    agent_id: z.string().describe("The receiver; the person, for a reply to a person."),
    kind: z.string(),
    data: z.record(z.string(), z.unknown()),
    expects_reply: z.boolean(),
    in_reply_to: z.string().nullable(),
  }),
  example: { agent_id: "heartbeat-1", kind: "ping", data: {}, expects_reply: true, in_reply_to: null },
});

const inboxFull = defineEvent({
  summary:
    "A message to an agent was refused, because too many wait for it; published at most once in ten minutes for each agent.",
  channel: "agent.<agent_id>.inbox_full",
  priority: "high",
  data: z.object({
    agent_id: z.string(),
    sender: z.string().describe("Whose message was refused."),
    has_reader: z.boolean().describe("Whether the agent has a subscription that reads its messages."),
    message: z.string(),
  }),
  example: {
    agent_id: "mail-1",
    sender: "agent:monitor-1",
    has_reader: false,
    message: "agent:mail-1 has as many unread messages from agent:monitor-1 as it may have",
  },
});

/** Every event of this file, by its type. */
export const messageEvents = {
  "agent.message": message,
  "agent.inbox_full": inboxFull,
} as const;
