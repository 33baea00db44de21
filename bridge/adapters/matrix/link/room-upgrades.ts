import * as z from "zod";
import { contractEvent } from "../../../events/index.ts";
import type { Logger } from "../../../logging/index.ts";
import type { Store } from "../../../store/index.ts";
import type { InboundEvent } from "../protocol/worker-protocol.ts";
import type { EventTransactions } from "../rooms/event-recorder.ts";
import { type MatrixTrust, roomSegment } from "../rooms/inbound.ts";
import { readRooms, rememberEncrypted } from "../rooms/room-store.ts";
import type { RoomSuccessors } from "../rooms/room-successors.ts";

export interface RoomUpgradesDeps {
  readonly store: Pick<Store, "read">;
  readonly events: EventTransactions;
  readonly trust: MatrixTrust;
  readonly logger: Logger;
  readonly successors: RoomSuccessors;
  readonly join: (roomId: string, isEncrypted: boolean) => Promise<unknown>;
  /** The bridge has joined a successor, so that messages that wait for the room may be sent. */
  readonly joined: () => void;
}

const Tombstone = z.object({
  replacement_room: z
    .string()
    .max(255)
    .regex(/^![^\s\p{Cc}]+$/u),
});

/** Follows a configured room to its successor when an operator or admin upgraded it, and reports every upgrade. */
export class RoomUpgrades {
  readonly #deps: RoomUpgradesDeps;

  constructor(deps: RoomUpgradesDeps) {
    this.#deps = deps;
  }

  /** @returns whether the event is an upgrade */
  follow(event: InboundEvent): boolean {
    if (event.type !== "m.room.tombstone") return false;
    const { trust, logger } = this.#deps;
    const tombstone = Tombstone.safeParse(event.content);
    if (tombstone.success && trust.isTrustedRoom(event.roomId))
      this.#upgraded(event, tombstone.data.replacement_room).catch((error: unknown) =>
        // It is joined later, by an invitation.
        logger.warn({ error, room_id: event.roomId }, "the successor of a room could not be joined yet"),
      );
    return true;
  }

  async #upgraded({ roomId, sender }: InboundEvent, successor: string): Promise<void> {
    const { store, events, trust, successors, join, joined } = this.#deps;
    const role = trust.roleOf(sender);
    const isFollowed = role === "operator" || role === "admin";
    const isEncrypted = store.read(readRooms).encrypted.includes(successors.current(roomId));
    const saved = await events.transact((sql, emit) => {
      const data = { room_id: roomId, room: roomSegment(roomId), sender, successor, is_followed: isFollowed };
      emit(contractEvent("matrix.room_upgraded", "bridge", data));
      if (!isFollowed) return undefined;
      if (isEncrypted) rememberEncrypted(sql, successor);
      return successors.save(sql, roomId, successor);
    });
    if (saved === undefined) return;
    saved.noted();
    await join(successor, isEncrypted);
    joined();
  }
}
