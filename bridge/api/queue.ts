import type { MethodsOf } from "@armorclaw/protocol";
import type { Outbox, OutboxRow } from "../outbox/index.ts";
import type { Handlers } from "../rpc/index.ts";
import { iso } from "./time.ts";

export function queueHandlers(outbox: Outbox): Handlers<MethodsOf<"queue">> {
  return {
    "queue.list": ({ state, cursor, limit }) => {
      const messages = outbox.list(state, cursor, limit);
      return { messages: messages.map(messageOut), cursor: messages.at(-1)?.id ?? cursor };
    },
    "queue.retry": async ({ message_id }) => {
      await outbox.retry(message_id);
      return { ok: true };
    },
    "queue.drop": async ({ message_id }) => {
      await outbox.drop(message_id);
      return { ok: true };
    },
  };
}

const messageOut = (row: OutboxRow) => ({
  message_id: row.id,
  destination: row.destination,
  lane: row.lane,
  state: row.state,
  attempts: row.attempts,
  created_at: iso(row.createdAtMs),
  next_attempt_at: row.state === "queued" ? iso(row.nextAtMs) : null,
  settled_at: row.settledAtMs === null ? null : iso(row.settledAtMs),
  last_error: row.lastError,
  receipt: row.receipt,
  transaction_id: row.transactionId,
});
