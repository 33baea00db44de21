import type { Migration, Sql, Store } from "../../../store/index.ts";
import type { MatrixTrust } from "./inbound.ts";

export const successorMigrations: readonly Migration[] = [
  {
    domain: "matrix-successors",
    version: 1,
    sql: "CREATE TABLE matrix_successors (room_id TEXT PRIMARY KEY, successor TEXT NOT NULL UNIQUE) STRICT, WITHOUT ROWID",
  },
];

/**
 * The rooms that took the place of configured ones. An upgrade gives a room a new id, and the configuration, the rights of agents and
 * the queue know the old one. Inside the bridge a room keeps its configured id; this translates it for the homeserver and back.
 */
export class RoomSuccessors {
  readonly #trust: Pick<MatrixTrust, "isTrustedRoom">;
  readonly #byRoom = new Map<string, string>();
  readonly #bySuccessor = new Map<string, string>();

  constructor(store: Pick<Store, "read">, trust: Pick<MatrixTrust, "isTrustedRoom">) {
    this.#trust = trust;
    const rows = store.read((sql) => sql.all("SELECT room_id, successor FROM matrix_successors"));
    for (const row of rows) this.#note(String(row["room_id"]), String(row["successor"]));
  }

  /** The homeserver's id of a configured room. */
  current(roomId: string): string {
    return this.#byRoom.get(roomId) ?? roomId;
  }

  /** The configured id of a homeserver's room. */
  configured(roomId: string): string {
    return this.#trust.isTrustedRoom(roomId) ? roomId : (this.#bySuccessor.get(roomId) ?? roomId);
  }

  /** Records in the caller's transaction that a room took the place of the configured one. `noted` is to be called after the commit. */
  save(sql: Sql, roomId: string, successor: string): { readonly noted: () => void } {
    sql.run("INSERT OR REPLACE INTO matrix_successors VALUES (?, ?)", roomId, successor);
    return { noted: () => this.#note(roomId, successor) };
  }

  #note(roomId: string, successor: string): void {
    this.#byRoom.set(roomId, successor);
    this.#bySuccessor.set(successor, roomId);
  }
}
