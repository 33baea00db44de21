import { rmSync } from "node:fs";
import { join } from "node:path";
import type { WorkerOptions } from "../protocol/worker-protocol.ts";
import type { RoomRecords } from "../rooms/room-store.ts";
import type { Session } from "./session.ts";

/** Each device has a crypto store of its own. */
const keysPath = ({ deviceId }: Session, directory: string): string =>
  join(directory, `crypto-${deviceId.replaceAll(/[^A-Za-z0-9_-]/g, "_")}.db`);

interface WorkerSettings extends Pick<WorkerOptions, "pollMs" | "backfillMax"> {
  readonly directory: string;
  readonly nowMs: number;
}

/** The options of the worker for a session. */
export function workerOptions(
  session: Session,
  { cursors, encrypted }: RoomRecords,
  { directory, pollMs, backfillMax, nowMs }: WorkerSettings,
): WorkerOptions {
  const { homeserver, userId, deviceId, accessToken, storeKey, recoveryKey } = session;
  return {
    homeserver,
    userId,
    deviceId,
    accessToken,
    storeKey: Buffer.from(storeKey, "base64"),
    recoveryKey: Buffer.from(recoveryKey, "base64"),
    cryptoStorePath: keysPath(session, directory),
    cursors,
    encryptedRooms: encrypted,
    pollMs,
    backfillMax,
    // Homeservers cache an initial sync for some two minutes.
    firstSyncLimit: 20 + (Math.floor(nowMs / 1000) % 150),
  };
}

/** Removes the keys of a login that has ended. */
export function removeKeys(session: Session, directory: string): void {
  for (const suffix of ["", "-wal", "-shm"]) rmSync(keysPath(session, directory) + suffix, { force: true });
}
