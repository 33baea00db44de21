import { randomUUID } from "node:crypto";
import { BridgeError } from "@armorclaw/protocol/errors";
import type { DurableEventLog } from "../../../events/index.ts";
import type { Outbox, OutboxRow } from "../../../outbox/index.ts";
import { onAbort } from "../../../platform/abort.ts";
import type { Store } from "../../../store/index.ts";
import type { OutgoingMessage } from "./content.ts";
import { destinationName, roomMessage } from "./destination.ts";
import { type MatrixTrust, roomSegment } from "./inbound.ts";

export interface OutgoingMessagesDeps {
  readonly store: Store;
  readonly log: DurableEventLog;
  readonly outbox: Outbox;
  readonly trust: MatrixTrust;
  readonly isLoggedIn: () => boolean;
}

export interface PendingMessage {
  readonly transactionId: string;
  /**
   * The event's id once the homeserver has the event. Undefined when the signal aborts first.
   * @throws BridgeError MATRIX_REFUSED when the outbox gave the message up
   */
  settled(signal: AbortSignal): Promise<string | undefined>;
}

/** The dedupe key of an approval's question. */
export const questionKey = (approvalId: string): string => `approval:${approvalId}`;

/** Queues messages for rooms on disk before they are sent. */
export class OutgoingMessages {
  readonly #deps: OutgoingMessagesDeps;

  constructor(deps: OutgoingMessagesDeps) {
    this.#deps = deps;
  }

  /**
   * Queues the message, once for each key.
   * @throws BridgeError MATRIX_LOGGED_OUT, MATRIX_ROOM_NOT_TRUSTED, OUTBOX_FULL
   */
  async post(roomId: string, message: OutgoingMessage, dedupeKey: string = randomUUID()): Promise<PendingMessage> {
    const { log, outbox, trust, isLoggedIn } = this.#deps;
    if (!isLoggedIn()) throw new BridgeError("MATRIX_LOGGED_OUT");
    if (!trust.isTrustedRoom(roomId)) throw new BridgeError("MATRIX_ROOM_NOT_TRUSTED", undefined, { room_id: roomId });
    const transactionId = await log.transact((sql, emit) => {
      const isNew = outbox.queue(sql, roomMessage(roomId, dedupeKey, message)) !== undefined;
      const row = outbox.find(sql, destinationName, dedupeKey);
      if (row === undefined) throw new Error("a queued message is not in the queue");
      const room = roomSegment(roomId);
      const data = { room_id: roomId, room, transaction_id: row.transactionId, event_id: null, state: "queued" };
      const channel = `matrix.${room}.delivery`;
      if (isNew) emit({ channel, type: "matrix.delivery", source: "bridge", priority: "low", data });
      return row.transactionId;
    });
    outbox.kick();
    return { transactionId, settled: (signal) => this.#settled(dedupeKey, signal) };
  }

  /** The approval that this event of the room asks for. */
  approvalAskedBy(eventId: string, roomId: string): string | undefined {
    const row = this.#deps.store.read((sql) => this.#deps.outbox.findByReceipt(sql, destinationName, eventId));
    const approvalId = row?.lane === roomId ? row.body["approvalId"] : undefined;
    return typeof approvalId === "string" ? approvalId : undefined;
  }

  isAskedIn(approvalId: string, roomId: string): boolean {
    return this.#row(questionKey(approvalId))?.lane === roomId;
  }

  #settled(dedupeKey: string, signal: AbortSignal): Promise<string | undefined> {
    const settled = Promise.withResolvers<string | undefined>();
    const check = () => {
      const outcome = outcomeOf(this.#row(dedupeKey));
      if (outcome instanceof Error) settled.reject(outcome);
      else if (outcome !== undefined) settled.resolve(outcome);
    };
    const unfollow = this.#deps.log.follow({
      offer: ({ event }) => {
        if (event.type === "queue.sent" || event.type === "queue.dead") check();
      },
    });
    check();
    const removeListener = onAbort(signal, () => settled.resolve(undefined));
    return settled.promise.finally(() => {
      unfollow();
      removeListener();
    });
  }

  #row(dedupeKey: string): OutboxRow | undefined {
    return this.#deps.store.read((sql) => this.#deps.outbox.find(sql, destinationName, dedupeKey));
  }
}

/** Undefined while the message waits. */
function outcomeOf(row: OutboxRow | undefined): string | Error | undefined {
  if (row === undefined) return new BridgeError("MATRIX_REFUSED", "The message was dropped from the queue");
  if (row.state === "dead") return new BridgeError("MATRIX_REFUSED", row.lastError ?? undefined);
  return row.state === "sent" ? (row.receipt ?? undefined) : undefined;
}
