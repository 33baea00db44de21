import * as z from "zod";
import { defineMethod } from "../types/define.ts";
import { Timestamp } from "../types/ids.ts";
import { operators, people } from "../types/roles.ts";

export const MessageState = z.enum(["queued", "sent", "dead"]);

export const OutboxMessage = z
  .object({
    message_id: z.int(),
    destination: z.string().describe("The kind of destination, e.g. matrix or webhook."),
    lane: z.string().describe("Messages of one lane keep their order. It is a room or a webhook's name."),
    state: MessageState,
    attempts: z.int(),
    created_at: Timestamp,
    next_attempt_at: Timestamp.nullable().describe("Null when the message was sent or given up."),
    settled_at: Timestamp.nullable().describe("When the message was sent or given up."),
    last_error: z.string().nullable(),
    receipt: z.string().nullable().describe("The destination's id of the message."),
    transaction_id: z.string(),
  })
  .meta({ id: "OutboxMessage", description: "An outgoing message of the bridge." });

const list = defineMethod({
  summary: "List outgoing messages.",
  roles: people,
  effect: "read",
  params: z.strictObject({
    state: MessageState.optional(),
    cursor: z.int().min(0).default(0).describe("Only messages after this id."),
    limit: z.int().min(1).max(1000).default(100),
  }),
  result: z.object({ messages: z.array(OutboxMessage), cursor: z.int().describe("Pass this as `cursor` to go on.") }),
  errors: [],
  example: {
    params: { state: "queued" },
    result: {
      messages: [
        {
          message_id: 1,
          destination: "matrix",
          lane: "!room:example.org",
          state: "queued",
          attempts: 2,
          created_at: "2026-11-21T08:00:00.000Z",
          next_attempt_at: "2026-11-21T08:00:02.000Z",
          settled_at: null,
          last_error: "502",
          receipt: null,
          transaction_id: "7f0c1a52-2f0e-4a55-9a3c-0c4f9f0d6f11",
        },
      ],
      cursor: 1,
    },
  },
});

const one = z.strictObject({ message_id: z.int().min(1) });
const example = { params: { message_id: 1 }, result: { ok: true as const } };

const retry = defineMethod({
  summary: "Send a waiting or given-up message now.",
  roles: operators,
  effect: "write",
  params: one,
  result: z.object({ ok: z.literal(true) }),
  errors: ["QUEUE_MESSAGE_NOT_FOUND"],
  example,
});

const drop = defineMethod({
  summary: "Delete a waiting or given-up message.",
  roles: operators,
  effect: "write",
  params: one,
  result: z.object({ ok: z.literal(true) }),
  errors: ["QUEUE_MESSAGE_NOT_FOUND"],
  example,
});

/** Every method of this file, by its name. */
export const queueMethods = {
  "queue.list": list,
  "queue.retry": retry,
  "queue.drop": drop,
} as const;
