import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { describeIf } from "../../tests/support/machine/require-part.ts";
import { tempDirectory } from "../../tests/support/temp.ts";
import { Backups, type Migration, packBackup, Store, unpackBackup } from "./index.ts";

const now = "2026-11-21T08:00:00.000Z";
const tables: Migration = {
  domain: "test",
  version: 1,
  sql: "CREATE TABLE things (name TEXT PRIMARY KEY, filler BLOB) STRICT",
};
const mib = 1_048_576;

let directory: ReturnType<typeof tempDirectory>;
beforeEach(() => {
  directory = tempDirectory();
});
afterEach(() => directory[Symbol.dispose]());

/** A separate file system that is small enough to fill. */
function smallDisk(bytes: number): { readonly path: string; fill(): void; free(): void } & Disposable {
  const { path } = directory;
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${bytes}`, "tmpfs", path]);
  const filler = join(path, "filler");
  return {
    path,
    fill() {
      const { bavail, bsize } = statfsSync(path);
      writeFileSync(filler, Buffer.alloc(bavail * bsize));
    },
    free: () => rmSync(filler),
    [Symbol.dispose]: () => void execFileSync("umount", [path]),
  };
}

const canMount = process.getuid?.() === 0 && process.platform === "linux";

describeIf(canMount, "a file system can only be mounted by root", "a full disk", () => {
  test("first uses the ballast, then refuses writes with STORE_FULL while reads go on, then recovers by itself", async () => {
    using disk = smallDisk(12 * mib);
    using store = new Store(join(disk.path, "store.db"), [tables], now, { ballastBytes: 2 * mib });
    const add = (name: string, bytes: number) =>
      store.write((sql) => sql.run("INSERT INTO things VALUES (?, ?)", name, Buffer.alloc(bytes)).changes);
    const ballast = join(disk.path, "store.db.ballast");
    expect([existsSync(ballast), store.shortage]).toEqual([true, "none"]);
    disk.fill();
    await add("on ballast", 100_000);
    expect([existsSync(ballast), store.shortage]).toEqual([false, "spent"]);
    let kept = 1;
    const fillUp = async () => {
      for (; ; kept++) await add(`more ${kept}`, 100_000);
    };
    await expect(fillUp()).rejects.toMatchObject({ code: "STORE_FULL" });
    const count = () => store.read((sql) => sql.get("SELECT count(*) AS n FROM things")?.["n"]);
    expect(count()).toBe(kept);
    expect(() => store.writeNow((sql) => sql.run("INSERT INTO things VALUES ('x', zeroblob(100000))"))).toThrow(
      expect.objectContaining({ code: "STORE_FULL" }),
    );
    disk.free();
    await add("after", 1_000);
    expect(count()).toBe(kept + 1);
    expect(store.read((sql) => sql.get("PRAGMA integrity_check")?.["integrity_check"])).toBe("ok");
  });
});

describe("a backup", () => {
  const make = async () => {
    const copy = join(directory.path, "copy.db");
    using store = new Store(join(directory.path, "store.db"), [tables], now);
    store.writeNow((sql) => sql.run("INSERT INTO things VALUES ('kept', zeroblob(10))"));
    await store.copyTo(copy);
    const target = join(directory.path, "one.acb");
    const header = await packBackup(copy, target, { createdAt: now, version: "0.1.0", installId: "0123456789ab" });
    rmSync(copy);
    return { target, header };
  };

  test("restores the database unchanged, and only its owner may read it", async () => {
    const { target, header } = await make();
    const out = join(directory.path, "out.db");
    expect(unpackBackup(target, out)).toEqual(header);
    using store = new Store(out, [tables], now);
    expect(store.read((sql) => sql.get("SELECT name FROM things"))).toEqual({ name: "kept" });
  });

  test("is consistent while writes go on, and lets them go on", async () => {
    using store = new Store(join(directory.path, "busy.db"), [tables], now);
    store.writeNow((sql) => {
      for (let n = 0; n < 2_000; n++) sql.run("INSERT INTO things VALUES (?, zeroblob(4000))", `old ${n}`);
    });
    const backups = new Backups(store, directory.path);
    const target = join(directory.path, "busy.acb");
    let isDone = false;
    let pairs = 0;
    const write = async () => {
      // Both rows of a pair are one commit.
      for (; !isDone; pairs++)
        await store.write((sql) => {
          sql.run("INSERT INTO things VALUES (?, zeroblob(4000))", `left ${pairs}`);
          sql.run("INSERT INTO things VALUES (?, zeroblob(4000))", `right ${pairs}`);
        });
    };
    const writing = write();
    const seen: number[] = [];
    const made = backups.make(target, { createdAt: now, version: "0", installId: "" }, (copied) => seen.push(copied));
    await expect(backups.make(`${target}2`, { createdAt: now, version: "0", installId: "" })).rejects.toThrow(
      "Another",
    );
    await made;
    isDone = true;
    await writing;
    expect([pairs > 1, seen.length > 10]).toEqual([true, true]);
    const out = join(directory.path, "busy-out.db");
    unpackBackup(target, out);
    using copy = new Store(out, [tables], now);
    const count = (name: string) =>
      copy.read((sql) => sql.get("SELECT count(*) AS n FROM things WHERE name LIKE ?", name)?.["n"]);
    expect([count("old %"), count("left %")]).toEqual([2_000, count("right %")]);
  });

  test("does not replace a file", async () => {
    const { target } = await make();
    const before = readFileSync(target);
    await expect(packBackup(target, target, { createdAt: now, version: "0", installId: "" })).rejects.toThrow(
      "it exists already",
    );
    expect(readFileSync(target)).toEqual(before);
    expect(existsSync(`${target}.partial`)).toBe(false);
  });

  test("with any byte flipped is refused", async () => {
    const { target } = await make();
    const good = readFileSync(target);
    const bad = join(directory.path, "bad.acb");
    const out = join(directory.path, "out.db");
    const missed: number[] = [];
    // Flips every byte of the header, and bytes of the database at a stride that covers all positions of a page.
    for (let at = 0; at < good.length; at += at < 300 ? 1 : 37) {
      const flipped = Buffer.from(good);
      flipped[at] = (flipped[at] ?? 0) ^ 0x20;
      writeFileSync(bad, flipped);
      try {
        unpackBackup(bad, out);
        missed.push(at);
      } catch (error) {
        expect((error as { code?: string }).code).toBe("BACKUP_FAILED");
      }
      rmSync(out, { force: true });
    }
    expect(missed).toEqual([]);
  });
});
