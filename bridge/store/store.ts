import { chmodSync } from "node:fs";
import { backup } from "node:sqlite";
import { BridgeError } from "@armorclaw/protocol/errors";
import { Ballast } from "./ballast.ts";
import { Connection, type Sql } from "./database.ts";
import { type Migration, migrate } from "./migrations.ts";

/** The most writes that wait for one commit. `write` refuses more: the disk does not keep up. */
const queuedWritesMax = 100_000;

/** The pages that a copy takes at once. Writes wait meanwhile. */
const copyPages = 64;

export interface StoreOptions {
  /** The size of the file that reserves room beside the database, and is released when the disk is full; 0 for none. */
  readonly ballastBytes?: number;
}

/** The bridge's one database and its one writer. A write that has resolved survives a power cut. */
export class Store implements Disposable {
  readonly #connection: Connection;
  readonly #ballast: Ballast;
  #queue: QueuedWrite[] = [];
  #isSyncing = true;
  #isClosed = false;

  /**
   * Opens the database, locks it for this process and brings its tables up to date.
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

  /** `spent`: the disk was full and the reserved room is in use. `none`: the room is reserved, or none was asked for. */
  get shortage(): "none" | "spent" {
    return this.#ballast.isSpent ? "spent" : "none";
  }

  /** Reads committed data. */
  read<T>(work: (sql: Sql) => T): T {
    return this.#guarded(() => work(this.#connection));
  }

  /**
   * Runs `work` in the next commit, together with all other writes of this turn, which share the cost of durability.
   * Resolves when the commit is durable. When `work` throws, its own changes are rolled back and the promise rejects with the error.
   */
  write<T>(work: (sql: Sql) => T): Promise<T> {
    return this.#enqueue(work, true);
  }

  /**
   * As `write`, but without the wait for the disk, which takes as long as the rest of a commit. The change outlives the process; a
   * power cut takes it away until a later write has resolved. It is for what a power cut may undo without harm.
   */
  commit<T>(work: (sql: Sql) => T): Promise<T> {
    return this.#enqueue(work, false);
  }

  /** Runs `work` in a commit of its own, now: it is durable when the call returns. */
  writeNow<T>(work: (sql: Sql) => T): T {
    return this.#guarded(() =>
      this.#withBallast(() => {
        this.#begin(true);
        const value = work(this.#connection);
        this.#connection.database.exec("COMMIT");
        return value;
      }),
    );
  }

  /**
   * Makes a consistent copy of the database in a file that must not exist. Other work goes on: what is written meanwhile is in the copy too.
   * @param onProgress gets the pages that are copied, and all of them
   */
  async copyTo(path: string, onProgress: (copied: number, all: number) => void = () => undefined): Promise<void> {
    try {
      await backup(this.#connection.database, path, {
        rate: copyPages,
        progress: ({ totalPages, remainingPages }) => onProgress(totalPages - remainingPages, totalPages),
      });
    } catch (error) {
      throw storeError(error);
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Commits the queued writes and closes the database. */
  close(): void {
    if (this.#isClosed) return;
    this.#commit();
    this.#isClosed = true;
    this.#connection.close();
  }

  #enqueue<T>(work: (sql: Sql) => T, isDurable: boolean): Promise<T> {
    if (this.#isClosed) return Promise.reject(new BridgeError("SHUTTING_DOWN"));
    if (this.#queue.length >= queuedWritesMax) return Promise.reject(new BridgeError("STORE_BUSY"));
    return new Promise<T>((resolve, reject) => {
      if (this.#queue.length === 0) setImmediate(() => this.#commit());
      this.#queue.push({ work, isDurable, resolve: resolve as (value: unknown) => void, reject });
    });
  }

  /**
   * Begins a transaction.
   * @param isDurable whether its commit brings the log to the disk, with all commits that did not. Without that, SQLite still syncs
   *   what it must so that a power cut undoes the newest commits alone.
   */
  #begin(isDurable: boolean): void {
    if (isDurable !== this.#isSyncing) {
      this.#connection.database.exec(`PRAGMA synchronous = ${isDurable ? "FULL" : "NORMAL"}`);
      this.#isSyncing = isDurable;
    }
    this.#connection.database.exec("BEGIN IMMEDIATE");
  }

  #commit(): void {
    const writes = this.#queue;
    this.#queue = [];
    if (writes.length === 0 || this.#isClosed) return;
    let settle: (() => void)[];
    try {
      settle = this.#withBallast(() => {
        this.#begin(writes.some(({ isDurable }) => isDurable));
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

  /** Runs a transaction. When the disk is full, it releases the ballast and runs it once more. */
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
      // A full disk concerns all writes: the whole transaction is rolled back, and may be tried again.
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
  readonly isDurable: boolean;
  readonly work: (sql: Sql) => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

const sqliteFull = 13;
const isFull = (error: unknown): boolean => ((error as { errcode?: number }).errcode ?? 0) % 256 === sqliteFull;

/** The primary result codes of SQLite that an operator must act on. */
const conditions: Readonly<Record<number, "ALREADY_RUNNING" | "STORE_FULL" | "STORE_FAILED">> = {
  5: "ALREADY_RUNNING", // SQLITE_BUSY: someone else holds the lock
  8: "STORE_FAILED", // SQLITE_READONLY
  10: "STORE_FAILED", // SQLITE_IOERR
  11: "STORE_FAILED", // SQLITE_CORRUPT
  13: "STORE_FULL", // SQLITE_FULL
  14: "STORE_FAILED", // SQLITE_CANTOPEN
  26: "STORE_FAILED", // SQLITE_NOTADB
};

/** Translates an error of SQLite to the catalogue's. Other errors are returned as they are. */
function storeError(error: unknown): unknown {
  const { errcode } = error as { errcode?: number };
  const code = errcode === undefined ? undefined : conditions[errcode & 0xff];
  if (code === undefined) return error;
  return new BridgeError(code, error instanceof Error ? `The store: ${error.message}` : undefined, undefined, {
    cause: error,
  });
}
