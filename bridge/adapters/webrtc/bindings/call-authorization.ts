import { BridgeError } from "@armorclaw/protocol/errors";
import type { CallRooms, RoomGate } from "../calls/ports.ts";

export interface CallAuthorizationSettings {
  /** Room → the principals besides admins who may call there. */
  readonly rooms: Readonly<Record<string, readonly string[]>>;
  /** The rooms that an agent answers in. */
  readonly roomAgents: Readonly<Record<string, unknown>>;
}

/**
 * Decides who may call. An admin may call in every room, other principals where the configuration names them, and the trusted members of a
 * room that an agent answers in. Whoever speaks in a Matrix room has to be a member of it on the homeserver; only an admin may call
 * without a member's name in a room that the bridge does not trust.
 */
export function callAuthorization(settings: CallAuthorizationSettings, rooms: CallRooms): RoomGate {
  return {
    async mayCall({ id, role }, roomId, userId) {
      const isAdmin = role === "admin";
      const isNamed = settings.rooms[roomId]?.includes(id) === true;
      const mayRing = id === `matrix:${userId}` && Object.hasOwn(settings.roomAgents, roomId);
      if (!isAdmin && !isNamed && !mayRing) return false;
      const isTrustedRoom = rooms.trust.isTrustedRoom(roomId);
      if (userId === undefined) {
        if (isAdmin || !isTrustedRoom) return true;
        throw new BridgeError("FORBIDDEN", `Name the member of ${roomId} who will speak, as \`user_id\``);
      }
      if (!isTrustedRoom) throw new BridgeError("FORBIDDEN", `${roomId} is none of the rooms in matrix.rooms`);
      if (await rooms.isMember(roomId, userId)) return true;
      throw new BridgeError("FORBIDDEN", `${userId} is not a member of ${roomId}`);
    },
  };
}
