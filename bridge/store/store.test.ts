import { spawn } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { tempDirectory } from "../../tests/support/temp.ts";
import { type Migration, type Sql, Store } from "./index.ts";

const now = "2026-11-21T08:00:00.000Z";
const tables: Migration = { domain: "test", version: 1, sql: "CREATE TABLE things (name TEXT PRIMARY KEY) STRICT" };

let directory: ReturnType<typeof tempDirectory>;
let path: string;
beforeEach(() => {
  directory = tempDirectory();
  path = join(directory.path, "store.db");
});
afterEach(() => directory[Symbol.dispose]());

const open = (migrations: readonly Migration[] = [tables]) => new Store(path, migrations, now);
const names = (store: Store) =>
  store.read((sql) => sql.all("SELECT name FROM things ORDER BY name").map((row) => row["name"]));
const add = (store: Store, name: string) =>
  store.write((sql) => sql.run("INSERT INTO things VALUES (?)", name).changes);

describe("Store.write()", () => {
  test("commits all writes of a tick together, and undoes only the one that throws", async () => {
    const store = open();
    const results = await Promise.allSettled([add(store, "a"), add(store, "a"), add(store, "b")]);
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(names(store)).toEqual(["a", "b"]);
    store.close();
  });

  test("is readable by the next bridge", async () => {
    const store = open();
    await add(store, "kept");
    store.close();
    const next = open();
    expect(names(next)).toEqual(["kept"]);
    next.close();
  });

  test("writes what is queued when the store closes, and refuses what comes after", async () => {
    const store = open();
    const queued = add(store, "last");
    store.close();
    await expect(queued).resolves.toBe(1);
    await expect(add(store, "late")).rejects.toMatchObject({ code: "SHUTTING_DOWN" });
  });
});

test("only a batch of commits alone is not brought to the disk, and the next bridge has it all the same", async () => {
  const store = open();
  let asked = 0;
  // SQLite answers a pragma when it is prepared, and the store prepares a text once.
  const level = (sql: Sql) => sql.get(`PRAGMA synchronous -- ${++asked}`)?.["synchronous"];
  const [full, normal] = [2, 1];
  const both = [store.commit(level), store.write(level)];
  expect(await Promise.all(both)).toEqual([full, full]);
  expect(await store.commit(level)).toBe(normal);
  expect(store.writeNow(level)).toBe(full);
  expect(
    await Promise.all([store.commit(level), store.commit((sql) => sql.run("INSERT INTO things VALUES ('a')").changes)]),
  ).toEqual([normal, 1]);
  expect(await store.write(level)).toBe(full);
  store.close();
  const next = open();
  expect(names(next)).toEqual(["a"]);
  next.close();
});

test("writeNow() undoes everything when its work throws", () => {
  const store = open();
  const half = () =>
    store.writeNow((sql) => {
      sql.run("INSERT INTO things VALUES ('half')");
      throw new Error("stop");
    });
  expect(half).toThrow("stop");
  expect(names(store)).toEqual([]);
  store.close();
});

test("only its owner may read the file, and a second bridge is refused while the first runs, even after kill -9 of others", async () => {
  const store = open();
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(() => open()).toThrow(expect.objectContaining({ code: "ALREADY_RUNNING" }));
  store.close();
  const holder = spawn(process.execPath, [
    "-e",
    `const {DatabaseSync}=require("node:sqlite");const d=new DatabaseSync(${JSON.stringify(path)});
     d.exec("PRAGMA locking_mode=EXCLUSIVE;PRAGMA journal_mode=WAL;BEGIN EXCLUSIVE;COMMIT");console.log("held");setInterval(()=>{},1000)`,
  ]);
  await new Promise((resolve) => holder.stdout.once("data", resolve));
  expect(() => open()).toThrow(expect.objectContaining({ code: "ALREADY_RUNNING" }));
  holder.kill("SIGKILL");
  await new Promise((resolve) => holder.once("exit", resolve));
  open().close();
}, 30_000);

describe("migrations", () => {
  const second: Migration = { domain: "test", version: 2, sql: "ALTER TABLE things ADD COLUMN size INTEGER" };

  test("run once, in order, after a backup when the store had data", async () => {
    const store = open();
    await add(store, "a");
    store.close();
    expect(existsSync(`${path}.before-migration`)).toBe(false);
    const next = open([tables, second]);
    expect(next.read((sql) => sql.get("SELECT name, size FROM things"))).toEqual({ name: "a", size: null });
    next.close();
    expect(existsSync(`${path}.before-migration`)).toBe(true);
  });

  test("that fail change nothing", () => {
    open().close();
    expect(() => open([tables, { domain: "test", version: 2, sql: "CREATE TABLE more (x) ; BROKEN" }])).toThrow();
    const store = open();
    expect(store.read((sql) => sql.get("SELECT name FROM sqlite_schema WHERE name = 'more'"))).toBeUndefined();
    store.close();
  });

  test.each([
    ["of a later version", [tables], [tables, second]],
    ["with a changed step", [{ ...tables, sql: `${tables.sql} -- changed` }], [tables]],
  ])("refuse a store %s", (_, mine, theirs) => {
    open(theirs).close();
    expect(() => open(mine)).toThrow(expect.objectContaining({ code: "STATE_UNUSABLE" }));
  });

  test("refuse a file that is not a database", async () => {
    const { writeFileSync } = await import("node:fs");
    writeFileSync(
      path,
      "this is no database, but long enough to be read as the header of one, or so it seems to us here, and more",
    );
    expect(() => open()).toThrow(expect.objectContaining({ code: "STORE_FAILED" }));
  });
});
