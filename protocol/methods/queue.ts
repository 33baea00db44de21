import * as z from "zod";
import { defineMethod } from "../define.ts";
import { Timestamp } from "../ids.ts";
import { operators, people } from "../roles.ts";

export const MessageState = z.enum(["queued", "sent", "dead"]);

export const OutboxMessage = z
  .object({
    message_id: z.int(),
    destination: z.string().describe("What takes it, e.g. matrix or webhook."),
    lane: z.string().describe("What keeps its order: a room, a webhook's name."),
    state: MessageState,
    attempts: z.int(),
    created_at: Timestamp,
    next_attempt_at: Timestamp.nullable().describe("Null when it is sent or given up."),
    settled_at: Timestamp.nullable().describe("When it was sent or given up."),
    last_error: z.string().nullable(),
    receipt: z.string().nullable().describe("What the other side calls it."),
    transaction_id: z.string(),
  })
  .meta({ id: "OutboxMessage", description: "A message on its way out of the bridge." });

export const list = defineMethod({
  summary: "List messages on their way out.",
  roles: people,
  effect: "read",
  params: z.strictObject({
    state: MessageState.optional(),
    cursor: z.int().min(0).default(0).describe("Only those after this id."),
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

export const retry = defineMethod({
  summary: "Send a message that waits or was given up, now.",
  roles: operators,
  effect: "write",
  params: one,
  result: z.object({ ok: z.literal(true) }),
  errors: ["QUEUE_MESSAGE_NOT_FOUND"],
  example,
});

export const drop = defineMethod({
  summary: "Delete a message that waits or was given up.",
  roles: operators,
  effect: "write",
  params: one,
  result: z.object({ ok: z.literal(true) }),
  errors: ["QUEUE_MESSAGE_NOT_FOUND"],
  example,
});
