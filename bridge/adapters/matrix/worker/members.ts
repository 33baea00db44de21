import { type MatrixClient, MatrixError, RoomEvent, RoomMemberEvent } from "matrix-js-sdk";
import type { WorkerNotice } from "../protocol/worker-protocol.ts";
import { NotReady } from "./sdk-failure.ts";

/** Tells of invitations to the bridge, and of everyone who leaves a room. */
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
 * Whether the person is in the room. The homeserver is asked: what was synced may be behind it.
 * @throws NotReady before the first sync
 */
export async function isMember(client: MatrixClient, roomId: string, userId: string): Promise<boolean> {
  if (!client.isInitialSyncComplete()) throw new NotReady("the rooms are not synced");
  // A homeserver shows those who left a room how it was then.
  if (client.getRoom(roomId)?.getMyMembership() !== "join") return false;
  try {
    const { membership } = await client.getStateEvent(roomId, "m.room.member", userId);
    return membership === "join";
  } catch (error) {
    // It knows no such member, or does not let the bridge look into the room.
    if (error instanceof MatrixError && (error.httpStatus === 403 || error.httpStatus === 404)) return false;
    throw error;
  }
}
