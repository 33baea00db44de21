import * as z from "zod";
import { defineMethod } from "../types/define.ts";
import { AgentId } from "../types/ids.ts";

const Data = z.record(z.string(), z.unknown());

const send = defineMethod({
  summary: "Send a message to an agent, and wait for its reply if one is wanted.",
  description:
    "It arrives as the event `agent.message` on the agent's own channel `agent.<id>.message`. An agent may send to the loops that its manifest names in `sends_to`, and may always answer a message: `in_reply_to` is then that message's id. What a receiver has not read is bounded, in all and for each sender.",
  roles: ["admin", "operator", "agent"],
  effect: "write",
  scope: { agentParam: "agent_id" },
  params: z.strictObject({
    agent_id: AgentId.optional().describe("The receiver. A reply goes to the sender of the message."),
    kind: z
      .string()
      .min(1)
      .max(100)
      .default("message")
      .describe("The kind of message, by which the receiver decides what to do."),
    data: Data.default({}),
    reply_within_ms: z
      .int()
      .min(1)
      .max(110_000)
      .optional()
      .describe("Answer with the reply, or with TIMED_OUT after this time. The message is one-way when left out."),
    in_reply_to: z.string().max(100).optional().describe("The id of the message that this answers."),
  }),
  result: z.object({
    id: z.string().describe("The message's id."),
    reply: z.object({ id: z.string(), kind: z.string(), data: Data }).nullable(),
    unread: z
      .object({
        messages: z.int(),
        bytes: z.int(),
        has_reader: z
          .boolean()
          .describe(
            "Whether the receiver has a subscription that reads messages. Without one the message stays unread.",
          ),
      })
      .nullable()
      .describe(
        "What waited for the receiver when the message was stored, with it; null for a reply that is no agent's.",
      ),
  }),
  errors: ["AGENT_NOT_FOUND", "AGENT_OVERLOADED", "TIMED_OUT"],
  example: {
    params: { agent_id: "heartbeat-1", kind: "ping" },
    result: { id: "01f0c6a2-8", reply: null, unread: { messages: 1, bytes: 240, has_reader: false } },
  },
});

/** Every method of this file, by its name. */
export const messageMethods = {
  "agent.send": send,
} as const;
