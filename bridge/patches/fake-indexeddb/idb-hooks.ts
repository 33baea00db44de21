import { IDBDatabase, IDBKeyRange, IDBTransaction } from "fake-indexeddb";

// The private objects of fake-indexeddb 6.2.8 that durability depends on. The version is pinned, and `installHooks` checks that the
// methods exist.

export interface RawRecord {
  readonly key: unknown;
  readonly value: unknown;
}

export interface RawIndex {
  readonly name: string;
  readonly keyPath: string | string[];
  readonly multiEntry: boolean;
  readonly unique: boolean;
}

export interface RawStore {
  readonly name: string;
  readonly keyPath: string | string[] | null;
  readonly autoIncrement: boolean;
  readonly keyGenerator: { num: number } | null;
  readonly rawDatabase: RawDatabase;
  readonly records: { get(key: unknown): RawRecord | undefined; values(range?: unknown): Iterable<RawRecord> };
  readonly rawIndexes: ReadonlyMap<string, RawIndex>;
  storeRecord(record: RawRecord, ...rest: unknown[]): unknown;
  deleteRecord(key: unknown, ...rest: unknown[]): unknown;
  clear(...rest: unknown[]): unknown;
}

export interface RawDatabase {
  readonly name: string;
  readonly version: number;
  readonly rawObjectStores: ReadonlyMap<string, RawStore>;
}

export interface RawTransaction {
  readonly mode: "readonly" | "readwrite" | "versionchange";
  readonly db: { readonly _rawDatabase: RawDatabase };
  readonly _scope: ReadonlySet<string>;
  _abort(name: string): void;
  dispatchEvent(event: { readonly type: string }): boolean;
}

export interface Hook {
  owns(database: RawDatabase): boolean;
  touched(store: RawStore, key: unknown): void;
  cleared(store: RawStore): void;
  /** Called before "complete" is dispatched. When it throws, the transaction is aborted instead. */
  completing(transaction: RawTransaction): void;
}

const hooks = new Set<Hook>();
const patched = new WeakSet<object>();

/** Calls the hook for every change and every commit of databases that it owns. */
export function installHooks(hook: Hook): Disposable {
  patchTransactions(prototypeOf<RawTransaction>(IDBTransaction));
  patchDatabases(prototypeOf<DatabasePrototype>(IDBDatabase));
  hooks.add(hook);
  return { [Symbol.dispose]: () => void hooks.delete(hook) };
}

/** The raw store behind a store of the public API. */
export const rawStoreOf = (store: unknown): RawStore => (store as { _rawObjectStore: RawStore })._rawObjectStore;

interface DatabasePrototype {
  createObjectStore(...args: unknown[]): unknown;
}

interface RangeClass {
  new (): unknown;
  bound(lower: unknown, upper: unknown): unknown;
}

const prototypeOf = <T extends object>(owner: unknown): T => (owner as { prototype: T }).prototype;

function expectMethods(owner: object, name: string, methods: readonly string[]): void {
  for (const method of methods)
    if (typeof Reflect.get(owner, method) !== "function") throw new Error(`fake-indexeddb: ${name} has no ${method}`);
}

function patchTransactions(prototype: RawTransaction): void {
  if (patched.has(prototype)) return;
  expectMethods(prototype, "a transaction", ["dispatchEvent", "_abort"]);
  patched.add(prototype);
  const { dispatchEvent } = prototype;
  prototype.dispatchEvent = function (this: RawTransaction, event) {
    if (event.type !== "complete") return dispatchEvent.call(this, event);
    try {
      for (const hook of hooks) if (hook.owns(this.db._rawDatabase)) hook.completing(this);
    } catch {
      // The hook keeps the error. A transaction that is not on disk is not complete, so its user sees it aborted.
      this._abort("UnknownError");
      return false;
    }
    return dispatchEvent.call(this, event);
  };
}

/** The class of raw stores is not exported. It is reached through the first store that is created. */
function patchDatabases(prototype: DatabasePrototype): void {
  if (patched.has(prototype)) return;
  expectMethods(prototype, "a database", ["createObjectStore"]);
  patched.add(prototype);
  const { createObjectStore } = prototype;
  prototype.createObjectStore = function (this: DatabasePrototype, ...args) {
    const store = createObjectStore.apply(this, args);
    patchStores(Object.getPrototypeOf(rawStoreOf(store)) as RawStore);
    return store;
  };
}

function patchStores(prototype: RawStore): void {
  if (patched.has(prototype)) return;
  expectMethods(prototype, "a store", ["storeRecord", "deleteRecord", "clear"]);
  patched.add(prototype);
  const { storeRecord, deleteRecord, clear } = prototype;
  const range = IDBKeyRange as RangeClass;
  const owners = (store: RawStore) => [...hooks].filter((hook) => hook.owns(store.rawDatabase));
  prototype.storeRecord = function (this: RawStore, record, ...rest) {
    const key = storeRecord.call(this, record, ...rest);
    for (const hook of owners(this)) hook.touched(this, record.key);
    return key;
  };
  prototype.deleteRecord = function (this: RawStore, key, ...rest) {
    const keys = key instanceof range ? key : range.bound(key, key);
    for (const hook of owners(this)) for (const record of this.records.values(keys)) hook.touched(this, record.key);
    return deleteRecord.call(this, key, ...rest);
  };
  prototype.clear = function (this: RawStore, ...rest) {
    for (const hook of owners(this)) hook.cleared(this);
    return clear.call(this, ...rest);
  };
}
