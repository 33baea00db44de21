import { type MatrixClient, MatrixError, RoomEvent, RoomMemberEvent } from "matrix-js-sdk";
import type { WorkerNotice } from "../protocol/worker-protocol.ts";
import { NotReady } from "./sdk-failure.ts";

/** Notifies of invitations of the bridge's account, and of members who leave a room. */
export function watchMembers(client: MatrixClient, notify: (notice: WorkerNotice) => void): void {
  const own = client.getUserId();
  client.on(RoomMemberEvent.Membership, (event, { roomId, userId, membership }, before) => {
    const inviter = event.getSender();
    if (userId === own && membership === "invite" && inviter !== undefined) notify({ kind: "invite", roomId, inviter });
    if (userId !== own && before === "join" && membership !== "join") notify({ kind: "left", roomId, userId });
  });
  client.on(RoomEvent.MyMembership, ({ roomId }, membership, before) => {
    if (own !== null && before === "join" && membership !== "join") notify({ kind: "left", roomId, userId: own });
  });
}

/**
 * Asks the homeserver whether the person is in the room, because the synced state may be outdated.
 * @throws NotReady before the first sync
 */
export async function isMember(client: MatrixClient, roomId: string, userId: string): Promise<boolean> {
  if (!client.isInitialSyncComplete()) throw new NotReady("the rooms are not synced");
  // To an account that left a room, homeservers show the room's state at that time.
  if (client.getRoom(roomId)?.getMyMembership() !== "join") return false;
  try {
    const { membership } = await client.getStateEvent(roomId, "m.room.member", userId);
    return membership === "join";
  } catch (error) {
    // The homeserver knows no such member, or the bridge may not read the room.
    if (error instanceof MatrixError && (error.httpStatus === 403 || error.httpStatus === 404)) return false;
    throw error;
  }
}
