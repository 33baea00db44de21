import { randomUUID } from "node:crypto";
import { BridgeError } from "@armorclaw/protocol/errors";
import type { DurableEventLog } from "../../../events/index.ts";
import type { Outbox, OutboxRow } from "../../../outbox/index.ts";
import type { Store } from "../../../store/index.ts";
import type { OutgoingMessage } from "./content.ts";
import { destinationName, roomMessage } from "./destination.ts";
import { type MatrixTrust, roomSegment } from "./inbound.ts";

export interface OutgoingMessagesDeps {
  readonly store: Store;
  readonly log: DurableEventLog;
  readonly outbox: () => Outbox;
  readonly trust: MatrixTrust;
  readonly isLoggedIn: () => boolean;
}

export interface PendingMessage {
  readonly transactionId: string;
  /**
   * The event's id once the homeserver has it; undefined when the signal aborts first.
   * @throws BridgeError MATRIX_REFUSED when it was given up
   */
  settled(signal: AbortSignal): Promise<string | undefined>;
}

/** Under which an approval's question is queued. */
export const questionKey = (approvalId: string): string => `approval:${approvalId}`;

/** Messages for rooms, on disk before they are sent. */
export class OutgoingMessages {
  readonly #deps: OutgoingMessagesDeps;

  constructor(deps: OutgoingMessagesDeps) {
    this.#deps = deps;
  }

  /**
   * Queues the message. The same key queues it once.
   * @throws BridgeError MATRIX_LOGGED_OUT, MATRIX_ROOM_NOT_TRUSTED, OUTBOX_FULL
   */
  async post(roomId: string, message: OutgoingMessage, dedupeKey: string = randomUUID()): Promise<PendingMessage> {
    const { log, outbox, trust, isLoggedIn } = this.#deps;
    if (!isLoggedIn()) throw new BridgeError("MATRIX_LOGGED_OUT");
    if (!trust.isTrustedRoom(roomId)) throw new BridgeError("MATRIX_ROOM_NOT_TRUSTED", undefined, { room_id: roomId });
    const transactionId = await log.transact((sql, emit) => {
      const isNew = outbox().queue(sql, roomMessage(roomId, dedupeKey, message)) !== undefined;
      const row = outbox().find(sql, destinationName, dedupeKey);
      if (row === undefined) throw new Error("a queued message is not in the queue");
      const room = roomSegment(roomId);
      const data = { room_id: roomId, room, transaction_id: row.transactionId, event_id: null, state: "queued" };
      const channel = `matrix.${room}.delivery`;
      if (isNew) emit({ channel, type: "matrix.delivery", source: "bridge", priority: "low", data });
      return row.transactionId;
    });
    outbox().kick();
    return { transactionId, settled: (signal) => this.#settled(dedupeKey, signal) };
  }

  /** The approval that this event of the room asked about. */
  approvalAskedBy(eventId: string, roomId: string): string | undefined {
    const row = this.#deps.store.read((sql) => this.#deps.outbox().findByReceipt(sql, destinationName, eventId));
    const approvalId = row?.lane === roomId ? row.body["approvalId"] : undefined;
    return typeof approvalId === "string" ? approvalId : undefined;
  }

  isAskedIn(approvalId: string, roomId: string): boolean {
    return this.#row(questionKey(approvalId))?.lane === roomId;
  }

  #settled(dedupeKey: string, signal: AbortSignal): Promise<string | undefined> {
    return new Promise((resolve, reject) => {
      const end = () => {
        unfollow();
        signal.removeEventListener("abort", onAbort);
      };
      const look = () => {
        const outcome = outcomeOf(this.#row(dedupeKey));
        if (outcome === undefined) return;
        end();
        if (outcome instanceof Error) reject(outcome);
        else resolve(outcome);
      };
      const onAbort = () => {
        end();
        resolve(undefined);
      };
      const unfollow = this.#deps.log.follow({
        offer: ({ event }) => {
          if (event.type === "queue.sent" || event.type === "queue.dead") look();
        },
      });
      signal.addEventListener("abort", onAbort, { once: true });
      look();
      if (signal.aborted) onAbort();
    });
  }

  #row(dedupeKey: string): OutboxRow | undefined {
    return this.#deps.store.read((sql) => this.#deps.outbox().find(sql, destinationName, dedupeKey));
  }
}

/** Undefined while it waits. */
function outcomeOf(row: OutboxRow | undefined): string | Error | undefined {
  if (row === undefined) return new BridgeError("MATRIX_REFUSED", "The message was dropped from the queue");
  if (row.state === "dead") return new BridgeError("MATRIX_REFUSED", row.lastError ?? undefined);
  return row.state === "sent" ? (row.receipt ?? undefined) : undefined;
}
