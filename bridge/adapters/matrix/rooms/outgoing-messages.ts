import { randomUUID } from "node:crypto";
import type { Principal } from "@armorclaw/protocol";
import { BridgeError } from "@armorclaw/protocol/errors";
import type { DurableEventLog } from "../../../events/index.ts";
import type { Outbox, OutboxRow } from "../../../outbox/index.ts";
import { onAbort } from "../../../platform/abort.ts";
import type { Store } from "../../../store/index.ts";
import { agentMessage } from "./agent-message.ts";
import type { OutgoingMessage } from "./content.ts";
import { destinationName, roomMessage } from "./destination.ts";
import { type MatrixTrust, roomSegment } from "./inbound.ts";
import { showsCode } from "./questions.ts";

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

/** The dedupe key of a caller's message. The bridge's own keys begin otherwise, so that no caller can take one. */
export const callerKeyOf = (principal: string, roomId: string, key: string): string =>
  `caller:${JSON.stringify([principal, roomId, key])}`;

/** Queues messages for rooms on disk before they are sent. */
export class OutgoingMessages {
  readonly #deps: OutgoingMessagesDeps;

  constructor(deps: OutgoingMessagesDeps) {
    this.#deps = deps;
  }

  /**
   * Queues a caller's message, once for each key of this caller and room. An agent's message is marked as the agent's.
   * @throws BridgeError as `post`, INVALID_PARAMS, FORBIDDEN for an agent's reaction to a question of the bridge
   */
  async postFor(
    principal: Pick<Principal, "id" | "kind">,
    roomId: string,
    message: OutgoingMessage,
    callerKey: string = randomUUID(),
  ): Promise<PendingMessage> {
    const key = callerKeyOf(principal.id, roomId, callerKey);
    if (principal.kind !== "agent") return await this.#post(roomId, message, key, principal.id);
    const { reactsTo } = message;
    if (reactsTo !== undefined && this.approvalAskedBy(reactsTo, roomId) !== undefined)
      throw new BridgeError("FORBIDDEN", "An agent may not react to a question of the bridge");
    const hasCode = (text: string) => this.#deps.store.read((sql) => showsCode(sql, text));
    const agentId = principal.id.replace(/^agent:/, "");
    return await this.#post(roomId, agentMessage(agentId, message, hasCode), key, principal.id);
  }

  /**
   * Queues the message, once for each key.
   * @throws BridgeError MATRIX_LOGGED_OUT, MATRIX_ROOM_NOT_TRUSTED, OUTBOX_FULL
   */
  post(roomId: string, message: OutgoingMessage, dedupeKey: string = randomUUID()): Promise<PendingMessage> {
    return this.#post(roomId, message, dedupeKey, undefined);
  }

  async #post(
    roomId: string,
    message: OutgoingMessage,
    dedupeKey: string,
    share: string | undefined,
  ): Promise<PendingMessage> {
    const { log, outbox, trust, isLoggedIn } = this.#deps;
    if (!isLoggedIn()) throw new BridgeError("MATRIX_LOGGED_OUT");
    if (!trust.isTrustedRoom(roomId)) throw new BridgeError("MATRIX_ROOM_NOT_TRUSTED", undefined, { room_id: roomId });
    const transactionId = await log.transact((sql, emit) => {
      const isNew = outbox.queue(sql, { ...roomMessage(roomId, dedupeKey, message), share }) !== undefined;
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

  /** Whether a message with this key was queued, while the outbox keeps it. */
  isQueued(dedupeKey: string): boolean {
    return this.#row(dedupeKey) !== undefined;
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
