import * as fake from "fake-indexeddb";
import { installHooks, type RawDatabase, type RawStore, type RawTransaction, rawStoreOf } from "./idb-hooks.ts";
import { IdbTables, type SavedDatabase } from "./idb-tables.ts";

/** IndexedDB for Node whose finished transactions are on disk. */
export interface DurableIdb extends Disposable {
  readonly indexedDB: IdbFactory;
}

/** The part of the standard's factory that is used here. */
export interface IdbFactory {
  open(name: string, version?: number): IdbOpenRequest;
  deleteDatabase(name: string): IdbOpenRequest;
}

interface IdbOpenRequest {
  result: { createObjectStore(name: string, options: object): IdbStore; close(): void };
  error: unknown;
  onupgradeneeded: (() => void) | null;
  onsuccess: (() => void) | null;
  onerror: (() => void) | null;
}

interface IdbStore {
  createIndex(name: string, keyPath: string | string[], options: object): unknown;
}

/**
 * Opens the databases in `path`. fake-indexeddb provides IndexedDB's semantics in memory, and SQLite the durability. Every
 * transaction is written in one SQLite transaction before its "complete" event is dispatched, so that the crypto store is durable
 * when it thinks so. A failed write aborts its transaction and every later one and calls `onFatal`: the process must restart
 * from what is on disk.
 */
export async function openDurableIdb(path: string, onFatal: (error: unknown) => void): Promise<DurableIdb> {
  const tables = new IdbTables(path);
  try {
    const factory = new (fake.IDBFactory as new () => IdbFactory & Inner)();
    const mirror = new Mirror(tables, onFatal);
    const hook = installHooks(mirror);
    mirror.watch(factory._databases);
    for (const saved of tables.databases()) await mirror.load(factory, saved);
    mirror.isLoading = false;
    return {
      indexedDB: factory,
      [Symbol.dispose]() {
        hook[Symbol.dispose]();
        tables[Symbol.dispose]();
      },
    };
  } catch (error) {
    tables[Symbol.dispose]();
    throw error;
  }
}

/** Makes IndexedDB and its classes global. The crypto library finds them there and checks objects with `instanceof`. */
export function installIdbGlobals({ indexedDB }: DurableIdb): void {
  const classes = Object.entries(fake).filter(([name]) => name.startsWith("IDB"));
  for (const [name, value] of [["indexedDB", indexedDB] as const, ...classes])
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true, enumerable: false });
}

/** A canonical text of an IndexedDB key: equal keys have equal texts. */
function keyText(key: unknown): string {
  if (typeof key === "string") return `s${JSON.stringify(key)}`;
  if (typeof key === "number") return `n${Object.is(key, -0) ? 0 : key}`;
  if (key instanceof Date) return `d${key.getTime()}`;
  if (Array.isArray(key)) return `a[${key.map(keyText).join(",")}]`;
  if (key instanceof ArrayBuffer) return `b${Buffer.from(key).toString("base64")}`;
  if (ArrayBuffer.isView(key)) return `b${Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString("base64")}`;
  throw new TypeError("not an IndexedDB key");
}

interface Inner {
  readonly _databases: Map<string, RawDatabase>;
}

/** Writes the databases in memory to the tables. */
class Mirror {
  isLoading = true;
  readonly #tables: IdbTables;
  readonly #onFatal: (error: unknown) => void;
  readonly #own = new WeakSet<RawDatabase>();
  readonly #ids = new WeakMap<RawStore, number>();
  /** Changed keys by store and key text. A key without a record was deleted. */
  readonly #dirty = new Map<RawStore, Map<string, unknown>>();
  readonly #cleared = new Set<RawStore>();
  #failure: { readonly error: unknown } | undefined;

  constructor(tables: IdbTables, onFatal: (error: unknown) => void) {
    this.#tables = tables;
    this.#onFatal = onFatal;
  }

  owns(database: RawDatabase): boolean {
    return this.#own.has(database);
  }

  touched(store: RawStore, key: unknown): void {
    if (this.isLoading) return;
    const keys = this.#dirty.get(store) ?? new Map<string, unknown>();
    this.#dirty.set(store, keys.set(keyText(key), key));
  }

  cleared(store: RawStore): void {
    this.#cleared.add(store);
    this.#dirty.delete(store);
  }

  completing(transaction: RawTransaction): void {
    if (this.isLoading || transaction.mode === "readonly") return;
    if (this.#failure !== undefined) throw this.#failure.error;
    try {
      this.#write(transaction);
    } catch (error) {
      this.#failure = { error };
      this.#onFatal(error);
      throw error;
    }
  }

  /** Observes which databases the factory creates and deletes. */
  watch(databases: Map<string, RawDatabase>): void {
    const set = databases.set.bind(databases);
    const remove = databases.delete.bind(databases);
    databases.set = (name, database) => {
      this.#own.add(database);
      return set(name, database);
    };
    databases.delete = (name) => {
      this.#tables.transaction(() => this.#tables.deleteDatabase(name));
      return remove(name);
    };
  }

  load(factory: IdbFactory, { name, version, stores }: SavedDatabase): Promise<void> {
    return new Promise((resolve, reject) => {
      const request = factory.open(name, version);
      request.onupgradeneeded = () => {
        for (const saved of stores) {
          const store = request.result.createObjectStore(saved.name, saved);
          const raw = rawStoreOf(store);
          const { id, keygen } = this.#tables.store(name, saved.name);
          this.#ids.set(raw, id);
          for (const record of this.#tables.records(id)) raw.storeRecord(record);
          if (raw.keyGenerator !== null) raw.keyGenerator.num = keygen;
          for (const index of saved.indexes) store.createIndex(index.name, index.keyPath, index);
        }
      };
      request.onsuccess = () => {
        request.result.close();
        resolve();
      };
      request.onerror = () => reject(request.error);
    });
  }

  #write({ mode, db: { _rawDatabase: database }, _scope: scope }: RawTransaction): void {
    const stores = [...scope].flatMap((name) => database.rawObjectStores.get(name) ?? []);
    if (mode === "versionchange") this.#tables.transaction(() => this.#rewrite(database));
    else if (stores.some((store) => this.#dirty.has(store) || this.#cleared.has(store)))
      this.#tables.transaction(() => {
        for (const store of stores) this.#writeStore(store);
      });
    for (const store of mode === "versionchange" ? database.rawObjectStores.values() : stores) {
      this.#dirty.delete(store);
      this.#cleared.delete(store);
    }
  }

  #writeStore(store: RawStore): void {
    const id = this.#ids.get(store);
    if (id === undefined) throw new Error(`the store ${store.name} was never saved`);
    if (this.#cleared.has(store)) this.#tables.clearStore(id);
    const keys = this.#dirty.get(store);
    for (const [text, key] of keys ?? []) {
      const record = store.records.get(key);
      if (record === undefined) this.#tables.deleteRecord(id, text);
      else this.#tables.putRecord(id, text, record);
    }
    if (keys !== undefined && store.keyGenerator !== null) this.#tables.setKeygen(id, store.keyGenerator.num);
  }

  /** Writes the whole database again, since changes of the schema are rare. */
  #rewrite(database: RawDatabase): void {
    this.#tables.deleteDatabase(database.name);
    this.#tables.putSchema(database);
    for (const store of database.rawObjectStores.values()) {
      const id = this.#tables.addStore(store);
      this.#ids.set(store, id);
      for (const record of store.records.values()) this.#tables.putRecord(id, keyText(record.key), record);
    }
  }
}
