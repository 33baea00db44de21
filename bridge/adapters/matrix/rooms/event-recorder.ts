import { contractEvent, type EventDraft } from "../../../events/index.ts";
import type { Clock } from "../../../platform/clock.ts";
import type { Sql } from "../../../store/index.ts";
import { type RoomCallEvent, readCallEvent } from "../protocol/call-events.ts";
import type { InboundEvent } from "../protocol/worker-protocol.ts";
import { type Delivery, noteEcho, noteRead, noteSent } from "./deliveries.ts";
import { type Inbound, inboundDraft, type MatrixTrust, readInbound, roomSegment } from "./inbound.ts";
import { admit, moveCursor, rememberEncrypted } from "./room-store.ts";

/** Writes to the store and publishes events in one transaction. */
export interface EventTransactions {
  transact<T>(work: (sql: Sql, emit: (draft: EventDraft) => unknown) => T): Promise<T>;
}

export interface EventRecorderDeps {
  readonly events: EventTransactions;
  readonly clock: Clock;
  readonly trust: MatrixTrust;
  /** Called once for each event, after it is durable. */
  readonly onInbound: (inbound: Inbound) => void;
  /** The configured id of a homeserver's room. */
  readonly configuredRoom?: ((roomId: string) => string) | undefined;
  /** Called once for each event that is not recorded: of strangers, of rooms that are not trusted, and of state. */
  readonly onIgnored?: ((event: InboundEvent) => void) | undefined;
  /** Called once for each event of a call, from any sender. These events are not stored. */
  readonly onCall: (event: RoomCallEvent) => void;
}

/** Records what the homeserver sends, and publishes an event for it in the same transaction. */
export class EventRecorder {
  readonly #deps: EventRecorderDeps;

  constructor(deps: EventRecorderDeps) {
    this.#deps = deps;
  }

  /** The room's cursor moves in the same transaction, so that an event is published once even when the bridge is killed. */
  async inbound(received: InboundEvent): Promise<void> {
    const { events, trust, onInbound, onCall, onIgnored, configuredRoom = (roomId: string) => roomId } = this.#deps;
    const event = { ...received, roomId: configuredRoom(received.roomId) };
    const call = readCallEvent(event);
    const inbound = readInbound(event, trust);
    const isNew = await events.transact((sql, emit) => {
      if (!admit(sql, received)) return false;
      if (inbound !== undefined) emit(inboundDraft(inbound));
      return true;
    });
    if (!isNew) return;
    if (call !== undefined) onCall(call);
    else if (inbound !== undefined) onInbound(inbound);
    else onIgnored?.(event);
  }

  async moved(roomId: string, eventId: string): Promise<void> {
    await this.#deps.events.transact((sql) => moveCursor(sql, roomId, eventId));
  }

  /** Rooms that are not trusted are ignored, so that nothing can be missed there. */
  async missed(roomId: string, reason: string): Promise<void> {
    if (!this.#deps.trust.isTrustedRoom(roomId)) return;
    const data = { room_id: roomId, room: roomSegment(roomId), reason };
    await this.publish(contractEvent("matrix.messages_missed", "bridge", data));
  }

  async encrypted(roomId: string): Promise<void> {
    await this.#deps.events.transact((sql) => rememberEncrypted(sql, roomId));
  }

  sent(delivery: Omit<Delivery, "state">): Promise<void> {
    return this.#deliveries((sql) => [noteSent(sql, delivery, this.#deps.clock.now())]);
  }

  echo(echo: Parameters<typeof noteEcho>[1], sentAtMs: number): Promise<void> {
    return this.#deliveries((sql) => [noteEcho(sql, echo, sentAtMs)]);
  }

  /** Receipts of people who are not trusted are ignored. */
  async read(roomId: string, userId: string, upToMs: number): Promise<void> {
    if (this.#deps.trust.roleOf(userId) !== undefined) await this.#deliveries((sql) => noteRead(sql, roomId, upToMs));
  }

  async publish(draft: EventDraft): Promise<void> {
    await this.#deps.events.transact((_, emit) => emit(draft));
  }

  async #deliveries(note: (sql: Sql) => readonly (Delivery | undefined)[]): Promise<void> {
    await this.#deps.events.transact((sql, emit) => {
      for (const delivery of note(sql)) if (delivery !== undefined) emit(deliveryDraft(delivery));
    });
  }
}

function deliveryDraft({ transactionId, roomId, eventId, state }: Delivery): EventDraft {
  const room = roomSegment(roomId);
  return {
    channel: `matrix.${room}.delivery`,
    type: "matrix.delivery",
    source: "bridge",
    priority: "low",
    data: { room_id: roomId, room, transaction_id: transactionId, event_id: eventId, state },
  };
}
