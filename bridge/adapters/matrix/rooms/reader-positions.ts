import type { Migration, Sql } from "../../../store/index.ts";

/** The most positions that are kept. The one that was moved longest ago is dropped first. */
const positionsMax = 1_000;

export const positionMigrations: readonly Migration[] = [
  {
    domain: "matrix-readers",
    version: 1,
    // `room_id` is empty for a reader of all its rooms.
    sql: `CREATE TABLE matrix_readers (
      id INTEGER PRIMARY KEY AUTOINCREMENT, principal TEXT NOT NULL, room_id TEXT NOT NULL, cursor INTEGER NOT NULL,
      UNIQUE (principal, room_id)
    ) STRICT;`,
  },
];

/** Up to where the principal has read the room, or all its rooms, without giving a cursor. */
export function positionOf(sql: Sql, principal: string, roomId: string): number | undefined {
  const row = sql.get("SELECT cursor FROM matrix_readers WHERE principal = ? AND room_id = ?", principal, roomId);
  return row === undefined ? undefined : Number(row["cursor"]);
}

export function savePosition(sql: Sql, principal: string, roomId: string, cursor: number): void {
  sql.run("DELETE FROM matrix_readers WHERE principal = ? AND room_id = ?", principal, roomId);
  sql.run("INSERT INTO matrix_readers (principal, room_id, cursor) VALUES (?, ?, ?)", principal, roomId, cursor);
  sql.run(
    "DELETE FROM matrix_readers WHERE id NOT IN (SELECT id FROM matrix_readers ORDER BY id DESC LIMIT ?)",
    positionsMax,
  );
}
