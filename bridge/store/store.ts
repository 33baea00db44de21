import { chmodSync } from "node:fs";
import { BridgeError } from "@armorclaw/protocol/errors";
import { Ballast } from "./ballast.ts";
import { Connection, type Sql } from "./database.ts";
import { type Migration, migrate } from "./migrations.ts";

/** Writes that wait for one commit. Past it, `write` refuses: the disk is not keeping up. */
const queuedWritesMax = 100_000;

export interface StoreOptions {
  /** Kept beside the database, and given up when the disk is full; none when 0. */
  readonly ballastBytes?: number;
}

/** The bridge's one database and its one writer. What a write resolved for survives a power cut. */
export class Store implements Disposable {
  readonly #connection: Connection;
  readonly #ballast: Ballast;
  #queue: QueuedWrite[] = [];
  #isClosed = false;

  /**
   * Opens the database, takes it for this process alone and brings its tables up to date.
   * @param now RFC 3339, for the migrations' record
   * @throws BridgeError STATE_UNUSABLE, or ALREADY_RUNNING when another bridge has it open
   */
  constructor(path: string, migrations: readonly Migration[], now: string, options: StoreOptions = {}) {
    const { ballastBytes = 0 } = options;
    this.#ballast = new Ballast(`${path}.ballast`, ballastBytes);
    this.#connection = new Connection(path);
    try {
      chmodSync(path, 0o600);
      // EXCLUSIVE keeps the file locked from the first write on; the lock dies with the process.
      this.#connection.database.exec(
        "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL",
      );
      this.#connection.database.exec("PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF");
      this.#connection.database.exec("BEGIN EXCLUSIVE; COMMIT");
      migrate(this.#connection, path, migrations, now);
    } catch (error) {
      this.#connection.close();
      throw storeError(error);
    }
  }

  /** `spent`: the disk was full and the room that was kept is in use; `none`: it is kept, or none was asked for. */
  get shortage(): "none" | "spent" {
    return this.#ballast.isSpent ? "spent" : "none";
  }

  /** Reads what has been committed. */
  read<T>(work: (sql: Sql) => T): T {
    return this.#guarded(() => work(this.#connection));
  }

  /**
   * Runs `work` in the next commit, together with all others of this turn: durability is paid for once.
   * Resolves when it is durable. When `work` throws, its own changes are undone and the promise rejects with what it threw.
   */
  write<T>(work: (sql: Sql) => T): Promise<T> {
    if (this.#isClosed) return Promise.reject(new BridgeError("SHUTTING_DOWN"));
    if (this.#queue.length >= queuedWritesMax) return Promise.reject(new BridgeError("STORE_BUSY"));
    return new Promise<T>((resolve, reject) => {
      if (this.#queue.length === 0) setImmediate(() => this.#commit());
      this.#queue.push({ work, resolve: resolve as (value: unknown) => void, reject });
    });
  }

  /** Runs `work` in a commit of its own, now. For what must be durable before the next line. */
  writeNow<T>(work: (sql: Sql) => T): T {
    return this.#guarded(() =>
      this.#withBallast(() => {
        this.#connection.database.exec("BEGIN IMMEDIATE");
        const value = work(this.#connection);
        this.#connection.database.exec("COMMIT");
        return value;
      }),
    );
  }

  /** Copies the database, consistent, to a file that must not exist. */
  copyTo(path: string): void {
    this.#guarded(() => this.#connection.run("VACUUM INTO ?", path));
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Commits what is queued and closes. */
  close(): void {
    if (this.#isClosed) return;
    this.#commit();
    this.#isClosed = true;
    this.#connection.close();
  }

  #commit(): void {
    const writes = this.#queue;
    this.#queue = [];
    if (writes.length === 0 || this.#isClosed) return;
    let settle: (() => void)[];
    try {
      settle = this.#withBallast(() => {
        this.#connection.database.exec("BEGIN IMMEDIATE");
        const done = writes.map((write) => this.#runOne(write));
        this.#connection.database.exec("COMMIT");
        return done;
      });
    } catch (error) {
      for (const { reject } of writes) reject(storeError(error));
      return;
    }
    for (const done of settle) done();
  }

  /** Runs a transaction; when the disk is full, once more with the room that was kept. */
  #withBallast<T>(transaction: () => T): T {
    try {
      const value = transaction();
      this.#ballast.hold();
      return value;
    } catch (error) {
      this.#rollBack();
      if (!isFull(error) || !this.#ballast.release()) throw error;
    }
    try {
      this.#connection.database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
      return transaction();
    } catch (error) {
      this.#rollBack();
      throw error;
    }
  }

  /** Runs one write inside the open transaction; returns how to settle it once that is committed. */
  #runOne({ work, resolve, reject }: QueuedWrite): () => void {
    const { database } = this.#connection;
    database.exec("SAVEPOINT one");
    try {
      const value = work(this.#connection);
      database.exec("RELEASE one");
      return () => resolve(value);
    } catch (error) {
      // A full disk is everyone's: the whole transaction is off, and may be tried again.
      if (isFull(error) || !database.isTransaction) throw error;
      database.exec("ROLLBACK TO one; RELEASE one");
      return () => reject(storeError(error));
    }
  }

  #rollBack(): void {
    if (this.#connection.database.isTransaction) this.#connection.database.exec("ROLLBACK");
  }

  #guarded<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw storeError(error);
    }
  }
}

interface QueuedWrite {
  readonly work: (sql: Sql) => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

const sqliteFull = 13;
const isFull = (error: unknown): boolean => ((error as { errcode?: number }).errcode ?? 0) % 256 === sqliteFull;

/** SQLite's primary result codes for what an operator must mend. */
const conditions: Readonly<Record<number, "ALREADY_RUNNING" | "STORE_FULL" | "STORE_FAILED">> = {
  5: "ALREADY_RUNNING", // SQLITE_BUSY: someone else holds the lock
  8: "STORE_FAILED", // SQLITE_READONLY
  10: "STORE_FAILED", // SQLITE_IOERR
  11: "STORE_FAILED", // SQLITE_CORRUPT
  13: "STORE_FULL", // SQLITE_FULL
  14: "STORE_FAILED", // SQLITE_CANTOPEN
  26: "STORE_FAILED", // SQLITE_NOTADB
};

/** SQLite's error as the catalogue has it; anything else as it is. */
function storeError(error: unknown): unknown {
  const { errcode } = error as { errcode?: number };
  const code = errcode === undefined ? undefined : conditions[errcode & 0xff];
  if (code === undefined) return error;
  return new BridgeError(code, error instanceof Error ? `The store: ${error.message}` : undefined, undefined, {
    cause: error,
  });
}
