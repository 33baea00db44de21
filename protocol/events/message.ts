import * as z from "zod";
import { defineEvent } from "../types/define.ts";

export const message = defineEvent({
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
