import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "@jest/globals";
import { type KeysAndRecord, keysAndRecordOn } from "../support/security/guard-store.ts";
import { tempDirectory } from "../support/temp.ts";

/** Small pages have less unused space; the nightly run uses the bridge's page size. */
const pageBytes = Number(process.env["ARMORCLAW_TEST_FLIP_PAGE_BYTES"] ?? 512);
/** The directory is in memory where possible: the test is about reads, not about the disk. */
const memory = existsSync("/dev/shm") ? "/dev/shm" : undefined;

async function fill(directory: string, ids: readonly string[]): Promise<void> {
  const guards = await keysAndRecordOn(directory);
  for (const id of ids) {
    const act = { principal: "user:0", method: "keystore.store", params: { id }, correlationId: id };
    await guards.audit.record(act, () =>
      guards.keystore.put({ id, provider: id, value: guards.secret(`value of ${id}`), tags: ["a"] }),
    );
  }
  await guards.audit.stop();
  await guards.close();
}

/** Reads everything that the bridge relies on. */
async function everything({ keystore, audit }: KeysAndRecord): Promise<string> {
  keystore.verify();
  const verdict = await audit.verify();
  if (!verdict.ok) throw new Error(verdict.reason);
  const keys = await Promise.all(
    keystore.list().map(async ({ lastUsedAt: _, ...key }) => [key, (await keystore.read(key.id)).value.reveal()]),
  );
  const acts = audit.after(0).map(({ mac, ...act }) => ({ ...act, mac: Buffer.from(mac).toString("hex") }));
  return JSON.stringify([keys, acts]);
}

test("every flipped byte of every value in the keystore's and the audit record's tables is detected", async () => {
  using directory = tempDirectory();
  await fill(directory.path, ["openai", "anthropic", "github"]);
  const guards = await keysAndRecordOn(directory.path);
  await everything(guards);
  const tables = ["keystore_keys", "keystore_masters", "keystore_roster", "audit_entries"];
  const missed: string[] = [];
  let flips = 0;
  for (const table of tables) {
    const columns = guards.store.read((sql) =>
      sql.all(`PRAGMA table_info(${table})`).map((row) => String(row["name"])),
    );
    const rows = guards.store.read((sql) => sql.all(`SELECT rowid AS at, * FROM ${table}`));
    for (const row of rows) {
      for (const column of columns) {
        for (const changed of variants(row[column])) {
          flips += 1;
          if (await isMissed(guards, `UPDATE ${table} SET ${column} = ? WHERE rowid = ?`, changed, Number(row["at"])))
            missed.push(`${table}.${column} of ${row["at"]}`);
        }
      }
    }
  }
  await guards.close();
  expect(missed).toEqual([]);
  process.stderr.write(`${flips} flips of values, every one found\n`);
  expect(flips).toBeGreaterThan(1_000);
}, 120_000);

function variants(value: unknown): (string | number | Uint8Array | null)[] {
  if (value === null) return [0, "x"];
  if (typeof value === "number") return [value + 1, value ^ 2, -value - 1];
  const bytes = Buffer.from(value as string | Uint8Array);
  return Array.from(bytes, (byte, at) => {
    const changed = Buffer.from(bytes);
    changed[at] = byte ^ 1;
    return typeof value === "string" ? changed.toString("latin1") : changed;
  });
}

/** Returns whether the change was not detected. The change is made in a transaction that is always rolled back. */
async function isMissed(guards: KeysAndRecord, sql: string, value: string | number | Uint8Array | null, at: number) {
  const { store } = guards;
  const before = snapshot(guards, sql, at);
  try {
    store.writeNow((write) => write.run(sql, value, at));
  } catch {
    // The table's own constraints refuse the change.
    return false;
  }
  try {
    await everything(guards);
    return true;
  } catch {
    return false;
  } finally {
    store.writeNow((write) =>
      write.run(sql.replace(/WHERE rowid = \?$/, `WHERE rowid = ${rowidAfter(sql, value, at)}`), before),
    );
  }
}

function snapshot({ store }: KeysAndRecord, sql: string, at: number): string | number | Uint8Array | null {
  const [, table = "", column = ""] = /^UPDATE (\w+) SET (\w+)/.exec(sql) ?? [];
  return store.read(
    (read) => read.get(`SELECT ${column} AS value FROM ${table} WHERE rowid = ?`, at)?.["value"],
  ) as string;
}

/** An integer primary key is the rowid: changing it moves the row. */
const rowidAfter = (sql: string, value: unknown, at: number): number =>
  /SET (?:seq|one) = /.test(sql) && typeof value === "number" ? value : at;

test("every flipped byte of the store's file is detected or changes nothing that is read", async () => {
  using directory = tempDirectory(memory);
  await fill(directory.path, ["openai"]);
  const path = join(directory.path, "store.db");
  const database = new DatabaseSync(path);
  database.exec("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE");
  database.exec(`PRAGMA page_size = ${pageBytes}; VACUUM`);
  database.close();
  const reference = await keysAndRecordOn(directory.path);
  const good = await everything(reference);
  await reference.close();
  const bytes = readFileSync(path);
  const missed: number[] = [];
  let found = 0;
  for (let at = 0; at < bytes.length; at++) {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 0x10;
    writeFileSync(path, changed);
    try {
      const guards = await keysAndRecordOn(directory.path);
      try {
        if ((await everything(guards)) !== good) missed.push(at);
      } finally {
        await guards.close();
      }
    } catch {
      found += 1;
    }
  }
  expect(missed).toEqual([]);
  process.stderr.write(`${bytes.length} flips in the file, ${found} found, the rest in no one's data\n`);
  expect(found).toBeGreaterThan(1_000);
}, 900_000);
