import { BridgeError } from "@armorclaw/protocol/errors";
import type { RoomGate } from "../adapters/webrtc/index.ts";
import type { Config } from "../config/index.ts";
import type { RoomSight } from "./matrix.ts";

/**
 * Who may call. The machine's owner may anywhere, others where the configuration names them, and in a room that an agent answers in
 * those who are trusted there. Who talks in a Matrix room is in
 * it, as the homeserver sees it; only the owner may call there without saying who that is.
 */
export function callGate({ webrtc }: Config, rooms: Pick<RoomSight, "trust" | "isMember">): RoomGate {
  return {
    async mayCall({ id, role }, roomId, userId) {
      const isOwner = role === "admin";
      const isNamed = (webrtc.rooms[roomId] as readonly string[] | undefined)?.includes(id) === true;
      const mayRing = id === `matrix:${userId}` && Object.hasOwn(webrtc.roomAgents, roomId);
      if (!isOwner && !isNamed && !mayRing) return false;
      const isKnownRoom = rooms.trust.isTrustedRoom(roomId);
      if (userId === undefined) {
        if (isOwner || !isKnownRoom) return true;
        throw new BridgeError("FORBIDDEN", `Name who will talk in ${roomId}: \`user_id\`, a member of the room`);
      }
      if (!isKnownRoom) throw new BridgeError("FORBIDDEN", `${roomId} is none of the rooms in matrix.rooms`);
      if (await rooms.isMember(roomId, userId)) return true;
      throw new BridgeError("FORBIDDEN", `${userId} is not in ${roomId}`);
    },
  };
}
