import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { tempDirectory } from "../../../tests/support/temp.ts";
import { openDurableIdb } from "./durable-idb.ts";

interface Request {
  readonly result: unknown;
  readonly error: unknown;
  onsuccess: (() => void) | null;
  onerror: (() => void) | null;
}
interface ObjectStore {
  put(value: unknown, key?: unknown): Request;
  delete(key: unknown): Request;
  clear(): Request;
  getAll(): Request;
  getAllKeys(): Request;
}
interface Transaction {
  objectStore(name: string): ObjectStore;
  oncomplete: (() => void) | null;
  onabort: (() => void) | null;
}
interface Database {
  transaction(names: string[], mode: string): Transaction;
  close(): void;
}

const succeeded = (request: Request) =>
  new Promise<unknown>((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

async function open(path: string, onFatal: (error: unknown) => void = () => undefined) {
  const idb = await openDurableIdb(path, onFatal);
  const request = idb.indexedDB.open("db", 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore("plain", {});
    request.result.createObjectStore("counted", { autoIncrement: true }).createIndex("n", "n", { unique: false });
  };
  const database = (await succeeded(request as Request)) as Database;
  const change = (work: (store: ObjectStore) => void, name = "plain") =>
    new Promise<"complete" | "aborted">((resolve) => {
      const transaction = database.transaction([name], "readwrite");
      transaction.oncomplete = () => resolve("complete");
      transaction.onabort = () => resolve("aborted");
      work(transaction.objectStore(name));
    });
  const all = async (name = "plain") => {
    const store = database.transaction([name], "readonly").objectStore(name);
    return { keys: await succeeded(store.getAllKeys()), values: await succeeded(store.getAll()) };
  };
  return { idb, change, all };
}

describe("openDurableIdb", () => {
  test("stores what a completed transaction put, deleted and cleared, with the values' types", async () => {
    using temp = tempDirectory();
    const path = `${temp.path}/crypto.db`;
    {
      const { idb, change } = await open(path);
      using _ = idb;
      await change((store) => {
        store.put({ bytes: new Uint8Array([1, 2, 3]), at: new Date(5) }, "a");
        store.put("gone", ["x", 1]);
      });
      await change((store) => store.delete(["x", 1]));
      await change((store) => void [store.put({ n: 1 }), store.put({ n: 2 })], "counted");
    }
    const { idb, all, change } = await open(path);
    using _ = idb;
    expect(await all()).toEqual({ keys: ["a"], values: [{ bytes: new Uint8Array([1, 2, 3]), at: new Date(5) }] });
    await change((store) => store.put({ n: 3 }), "counted");
    expect((await all("counted")).keys).toEqual([1, 2, 3]);
    await change((store) => void [store.clear(), store.put(1, "b")]);
    expect((await all()).keys).toEqual(["b"]);
  });

  test("has the same contents after reopening, for any sequence of changes", async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant("put" as const), key: fc.string({ maxLength: 4 }), value: fc.jsonValue() }),
      fc.record({ kind: fc.constant("delete" as const), key: fc.string({ maxLength: 4 }) }),
      fc.record({ kind: fc.constant("clear" as const) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(step, { maxLength: 6 }), { maxLength: 6 }), async (transactions) => {
        using temp = tempDirectory();
        const path = `${temp.path}/crypto.db`;
        const first = await open(path);
        for (const steps of transactions) {
          await first.change((store) => {
            for (const one of steps) {
              if (one.kind === "put") store.put(one.value, one.key);
              else if (one.kind === "delete") store.delete(one.key);
              else store.clear();
            }
          });
        }
        const before = await first.all();
        first.idb[Symbol.dispose]();
        const second = await open(path);
        using _ = second.idb;
        expect(await second.all()).toEqual(before);
      }),
      { numRuns: 30 },
    );
  });

  test("aborts a transaction that cannot be written, and every one after it", async () => {
    using temp = tempDirectory();
    const path = `${temp.path}/crypto.db`;
    (await open(path)).idb[Symbol.dispose]();
    const sabotage = new DatabaseSync(path);
    sabotage.exec(
      `CREATE TRIGGER broken BEFORE INSERT ON idb_record WHEN NEW.key = 's"bad"' BEGIN SELECT RAISE(ABORT, 'disk'); END`,
    );
    sabotage.close();
    const fatal: unknown[] = [];
    const { idb, change } = await open(path, (error) => fatal.push(error));
    expect(await change((store) => store.put(1, "good"))).toBe("complete");
    expect(await change((store) => void [store.put(2, "good"), store.put(1, "bad")])).toBe("aborted");
    expect(await change((store) => store.put(3, "good"))).toBe("aborted");
    expect(fatal).toHaveLength(1);
    idb[Symbol.dispose]();
    const { idb: next, all } = await open(path);
    using _ = next;
    expect(await all()).toEqual({ keys: ["good"], values: [1] });
  });

  test("belongs to one process at a time", async () => {
    using temp = tempDirectory();
    const path = `${temp.path}/crypto.db`;
    const { idb } = await open(path);
    using _ = idb;
    const other = new DatabaseSync(path, { timeout: 0 });
    expect(() => other.exec("SELECT * FROM idb_record")).toThrow(/locked/);
    other.close();
  });
});
