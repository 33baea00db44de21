import { DatabaseSync, type StatementSync } from "node:sqlite";
import { deserialize, serialize } from "node:v8";
import type { RawDatabase, RawIndex, RawRecord, RawStore } from "./idb-hooks.ts";

const tables = `
CREATE TABLE IF NOT EXISTS idb_database (name TEXT PRIMARY KEY, version INTEGER NOT NULL, schema BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS idb_store (id INTEGER PRIMARY KEY, db TEXT NOT NULL, name TEXT NOT NULL, keygen INTEGER, UNIQUE (db, name)) STRICT;
CREATE TABLE IF NOT EXISTS idb_record (store INTEGER NOT NULL, key TEXT NOT NULL, data BLOB NOT NULL, PRIMARY KEY (store, key)) STRICT, WITHOUT ROWID;`;

export interface SavedStore {
  readonly name: string;
  readonly keyPath: string | string[] | null;
  readonly autoIncrement: boolean;
  readonly indexes: readonly RawIndex[];
}

export interface SavedDatabase {
  readonly name: string;
  readonly version: number;
  readonly stores: readonly SavedStore[];
}

/** IndexedDB databases as rows of one SQLite file that this process alone has open. */
export class IdbTables implements Disposable {
  readonly #sql: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(path: string) {
    this.#sql = new DatabaseSync(path, { timeout: 5000 });
    // Losing the tail of the log at a power cut would roll the ratchets back, hence FULL.
    this.#sql.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
    this.#sql.exec(tables);
    // Takes the lock now: two processes on one set of ratchets would ruin them.
    this.#sql.exec("BEGIN EXCLUSIVE; COMMIT");
  }

  transaction(work: () => void): void {
    this.#sql.exec("BEGIN IMMEDIATE");
    try {
      work();
      this.#sql.exec("COMMIT");
    } catch (error) {
      if (this.#sql.isTransaction) this.#sql.exec("ROLLBACK");
      throw error;
    }
  }

  databases(): SavedDatabase[] {
    const rows = this.#prepare("SELECT name, version, schema FROM idb_database").all();
    return rows.map((row) => ({
      name: String(row["name"]),
      version: Number(row["version"]),
      stores: deserialize(row["schema"] as Uint8Array) as SavedStore[],
    }));
  }

  store(database: string, name: string): { id: number; keygen: number } {
    const row = this.#prepare("SELECT id, keygen FROM idb_store WHERE db = ? AND name = ?").get(database, name);
    if (row === undefined) throw new Error(`the crypto store lacks ${database}/${name}`);
    return { id: Number(row["id"]), keygen: Number(row["keygen"] ?? 0) };
  }

  *records(storeId: number): Generator<RawRecord> {
    for (const row of this.#prepare("SELECT data FROM idb_record WHERE store = ?").iterate(storeId))
      yield deserialize(row["data"] as Uint8Array) as RawRecord;
  }

  putRecord(storeId: number, key: string, { key: k, value }: RawRecord): void {
    const put = "INSERT INTO idb_record VALUES (?, ?, ?) ON CONFLICT (store, key) DO UPDATE SET data = excluded.data";
    this.#prepare(put).run(storeId, key, serialize({ key: k, value }));
  }

  deleteRecord(storeId: number, key: string): void {
    this.#prepare("DELETE FROM idb_record WHERE store = ? AND key = ?").run(storeId, key);
  }

  clearStore(storeId: number): void {
    this.#prepare("DELETE FROM idb_record WHERE store = ?").run(storeId);
  }

  setKeygen(storeId: number, keygen: number): void {
    this.#prepare("UPDATE idb_store SET keygen = ? WHERE id = ?").run(keygen, storeId);
  }

  deleteDatabase(name: string): void {
    this.#prepare("DELETE FROM idb_record WHERE store IN (SELECT id FROM idb_store WHERE db = ?)").run(name);
    this.#prepare("DELETE FROM idb_store WHERE db = ?").run(name);
    this.#prepare("DELETE FROM idb_database WHERE name = ?").run(name);
  }

  putSchema(database: RawDatabase): void {
    const stores = [...database.rawObjectStores.values()].map(
      ({ name, keyPath, autoIncrement, rawIndexes }): SavedStore => ({
        name,
        keyPath,
        autoIncrement,
        indexes: [...rawIndexes.values()].map((index) => ({
          name: index.name,
          keyPath: index.keyPath,
          multiEntry: index.multiEntry,
          unique: index.unique,
        })),
      }),
    );
    this.#prepare("INSERT INTO idb_database VALUES (?, ?, ?)").run(database.name, database.version, serialize(stores));
  }

  addStore({ rawDatabase, name, keyGenerator }: RawStore): number {
    const insert = this.#prepare("INSERT INTO idb_store (db, name, keygen) VALUES (?, ?, ?)");
    return Number(insert.run(rawDatabase.name, name, keyGenerator?.num ?? null).lastInsertRowid);
  }

  [Symbol.dispose](): void {
    this.#statements.clear();
    this.#sql.close();
  }

  #prepare(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = this.#sql.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}
