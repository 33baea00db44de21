import type { Migration, Sql } from "../../../store/index.ts";
import type { InboundEvent } from "../protocol/worker-protocol.ts";

/** The most event ids that are kept to detect repetitions. A backfill reads fewer events. */
const seenMax = 100_000;

export const roomMigrations: readonly Migration[] = [
  {
    domain: "matrix-rooms",
    version: 1,
    sql: `
      CREATE TABLE matrix_rooms (
        room_id TEXT PRIMARY KEY, cursor TEXT, is_encrypted INTEGER NOT NULL DEFAULT 0
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE matrix_seen (
        id INTEGER PRIMARY KEY, event_id TEXT NOT NULL UNIQUE, is_readable INTEGER NOT NULL
      ) STRICT;
      CREATE TABLE matrix_deliveries (
        transaction_id TEXT PRIMARY KEY, room_id TEXT NOT NULL, event_id TEXT NOT NULL,
        state TEXT NOT NULL, sent_at_ms INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE UNIQUE INDEX matrix_deliveries_event ON matrix_deliveries (event_id);
      CREATE INDEX matrix_deliveries_unread ON matrix_deliveries (room_id, sent_at_ms) WHERE state <> 'read';`,
  },
];

export interface RoomRecords {
  readonly cursors: ReadonlyMap<string, string>;
  readonly encrypted: readonly string[];
}

export function readRooms(sql: Sql): RoomRecords {
  const rows = sql.all("SELECT room_id, cursor, is_encrypted FROM matrix_rooms");
  const cursors = rows.flatMap(({ room_id: roomId, cursor }): [string, string][] =>
    cursor === null ? [] : [[String(roomId), String(cursor)]],
  );
  const encrypted = rows.filter((row) => row["is_encrypted"] === 1).map((row) => String(row["room_id"]));
  return { cursors: new Map(cursors), encrypted };
}

export function moveCursor(sql: Sql, roomId: string, eventId: string): void {
  sql.run(
    "INSERT INTO matrix_rooms (room_id, cursor) VALUES (?, ?) ON CONFLICT (room_id) DO UPDATE SET cursor = excluded.cursor",
    roomId,
    eventId,
  );
}

export function rememberEncrypted(sql: Sql, roomId: string): void {
  sql.run(
    "INSERT INTO matrix_rooms (room_id, is_encrypted) VALUES (?, 1) ON CONFLICT (room_id) DO UPDATE SET is_encrypted = 1",
    roomId,
  );
}

/** Whether the event is new, or readable for the first time. Moves the room's cursor to it. */
export function admit(sql: Sql, { roomId, eventId, undecryptable }: InboundEvent): boolean {
  const isReadable = undecryptable === undefined ? 1 : 0;
  const { changes, lastId } = sql.run(
    `INSERT INTO matrix_seen (event_id, is_readable) VALUES (?, ?)
     ON CONFLICT (event_id) DO UPDATE SET is_readable = 1 WHERE is_readable < excluded.is_readable`,
    eventId,
    isReadable,
  );
  if (changes > 0 && lastId % 1000 === 0) sql.run("DELETE FROM matrix_seen WHERE id <= ?", lastId - seenMax);
  moveCursor(sql, roomId, eventId);
  return changes > 0;
}

/** Removes everything of an account, whose rooms are not those of the next one. */
export function forgetAll(sql: Sql): void {
  for (const table of ["matrix_rooms", "matrix_seen", "matrix_deliveries", "matrix_questions", "matrix_successors"])
    sql.run(`DELETE FROM ${table}`);
}
