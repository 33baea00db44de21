import { rmSync } from "node:fs";
import { join } from "node:path";
import type { WorkerOptions } from "../protocol/worker-protocol.ts";
import type { RoomRecords } from "../rooms/room-store.ts";
import type { Session } from "./session.ts";

/** A device's keys are of no use to another device. */
const keysPath = ({ deviceId }: Session, directory: string): string =>
  join(directory, `crypto-${deviceId.replaceAll(/[^A-Za-z0-9_-]/g, "_")}.db`);

interface WorkerSettings extends Pick<WorkerOptions, "pollMs" | "backfillMax"> {
  readonly directory: string;
  readonly nowMs: number;
}

/** What a worker starts with. */
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
    // A homeserver keeps answers for some two minutes.
    firstSyncLimit: 20 + (Math.floor(nowMs / 1000) % 150),
  };
}

/** The keys of a login that has ended. */
export function removeKeys(session: Session, directory: string): void {
  for (const suffix of ["", "-wal", "-shm"]) rmSync(keysPath(session, directory) + suffix, { force: true });
}
