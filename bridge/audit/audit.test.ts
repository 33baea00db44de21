import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { BridgeError, Secret } from "@armorclaw/protocol";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { tempDirectory } from "../../tests/support/temp.ts";
import { silentLogger } from "../logging/index.ts";
import { systemClock } from "../platform/clock.ts";
import { Store } from "../store/index.ts";
import { Audit, anchorFile, auditMigrations, cefLine, jsonLine } from "./index.ts";

const key = Buffer.alloc(32, 3);
const now = "2026-11-21T08:00:00.000Z";

let directory: ReturnType<typeof tempDirectory>;
let store: Store;
beforeEach(() => {
  directory = tempDirectory();
  store = new Store(join(directory.path, "store.db"), auditMigrations, now);
});
afterEach(() => {
  store.close();
  directory[Symbol.dispose]();
});

const anchors = () => join(directory.path, "audit.anchors");
const open = async (entriesMax = 1_000_000) => {
  const sinks = [anchorFile(anchors())];
  const audit = new Audit({ store, clock: systemClock, logger: silentLogger, sinks, entriesMax });
  audit.useKey(key);
  await audit.start();
  return audit;
};
const act = (params: unknown = { id: "openai" }) => ({
  principal: "user:0",
  method: "keystore.get",
  params,
  correlationId: "c-1",
});
const fill = async (audit: Audit, count: number) => {
  for (let number = 0; number < count; number++) await audit.record(act({ id: `key-${number}` }), () => number);
};

/** Changes ends in the index alone: the index is not in the schema while the table is changed back. */
function editIndexAlone(change: string): void {
  const edit = (...statements: string[]) => {
    const database = new DatabaseSync(join(directory.path, "store.db"), { defensive: false });
    for (const statement of ["PRAGMA writable_schema = ON", ...statements]) database.exec(statement);
    database.close();
  };
  edit(
    "CREATE TABLE kept AS SELECT seq, act FROM audit_entries WHERE kind = 'end'",
    `UPDATE audit_entries SET ${change} WHERE kind = 'end'`,
    "CREATE TABLE hidden AS SELECT * FROM sqlite_schema WHERE name = 'audit_ends'",
    "DELETE FROM sqlite_schema WHERE name = 'audit_ends'",
  );
  edit(
    "UPDATE audit_entries SET act = kept.act FROM kept WHERE kept.seq = audit_entries.seq",
    "INSERT INTO sqlite_schema SELECT * FROM hidden",
  );
  edit("DROP TABLE kept", "DROP TABLE hidden");
}

describe("Audit.record()", () => {
  test("writes who did what and how it ended, without secrets", async () => {
    const audit = await open();
    expect(await audit.record(act({ id: "openai", token: Secret.fromText("canary") }), () => "value")).toBe("value");
    const failing = audit.record(act(), () => Promise.reject(new BridgeError("KEY_NOT_FOUND")));
    await expect(failing).rejects.toMatchObject({ code: "KEY_NOT_FOUND" });
    const bug = audit.record(act(), () => Promise.reject(new Error("x")));
    await expect(bug).rejects.toThrow("x");
    expect(audit.newest(10).map(({ seq, principal, subject, outcome }) => [seq, principal, subject, outcome])).toEqual([
      [1, "user:0", "openai", "ok"],
      [3, "user:0", "openai", "KEY_NOT_FOUND"],
      [5, "user:0", "openai", "INTERNAL"],
    ]);
    expect(JSON.stringify(audit.newest(10))).not.toContain("canary");
    expect(await audit.verify()).toEqual({ ok: true, records: 6, anchors: 0 });
  });

  test("refused calls are in the chain: the first of each kind at once, the others as a count at the stop", async () => {
    const audit = await open();
    for (let call = 0; call < 1_000; call++) audit.refused("agent:mail-1", "keystore.get", `c-${call}`);
    await fill(audit, 1);
    await audit.stop();
    const acts = audit.newest(10).map(({ principal, method, outcome, calls, correlationId }) => {
      return [principal, method, outcome, calls, correlationId];
    });
    expect(acts).toEqual([
      ["agent:mail-1", "keystore.get", "FORBIDDEN", 1, "c-0"],
      ["user:0", "keystore.get", "ok", 1, "c-1"],
      ["agent:mail-1", "keystore.get", "FORBIDDEN", 999, ""],
    ]);
    expect(await audit.verify()).toEqual({ ok: true, records: 4, anchors: 1 });
    store.writeNow((sql) => sql.run("UPDATE audit_entries SET act = 998 WHERE act = 999"));
    expect(await audit.verify()).toMatchObject({ ok: false, firstBad: 4 });
  });

  test("a call that cannot be recorded does not run", async () => {
    const audit = await open();
    store.writeNow((sql) => sql.run("DROP TABLE audit_entries"));
    let ran = false;
    const refused = audit.record(act(), () => {
      ran = true;
    });
    await expect(refused).rejects.toMatchObject({ code: "AUDIT_UNAVAILABLE" });
    expect(ran).toBe(false);
  });

  test("a call whose end cannot be recorded is not answered", async () => {
    const audit = await open();
    const refused = audit.record(act(), () =>
      store.writeNow((sql) => sql.run("ALTER TABLE audit_entries RENAME TO gone")),
    );
    await expect(refused).rejects.toMatchObject({ code: "AUDIT_UNAVAILABLE" });
  });

  test("without its key no privileged call runs, except the call that unlocks the key", async () => {
    const audit = new Audit({ store, clock: systemClock, logger: silentLogger, sinks: [], entriesMax: 100 });
    await expect(audit.record(act(), () => 1)).rejects.toMatchObject({ code: "AUDIT_UNAVAILABLE" });
    expect(await audit.recordAfter({ ...act({}), method: "keystore.unlock" }, () => audit.useKey(key))).toBeUndefined();
    expect(audit.newest(1)[0]).toMatchObject({ method: "keystore.unlock", outcome: "ok" });
  });
});

describe("Audit.verify()", () => {
  test("takes no record or anchor that is written meanwhile for a fault", async () => {
    const audit = await open();
    await fill(audit, 400);
    const verdict = audit.verify();
    await fill(audit, 100);
    expect(await verdict).toMatchObject({ ok: true, records: 800 });
    expect(await audit.verify()).toMatchObject({ ok: true, records: 1_000 });
  });

  const changes: [string, string, number][] = [
    ["an edit", "UPDATE audit_entries SET principal = 'user:1' WHERE seq = 9", 9],
    ["a changed end", "UPDATE audit_entries SET result = 'FORBIDDEN' WHERE seq = 10", 10],
    ["a cut", "DELETE FROM audit_entries WHERE seq IN (9, 10)", 9],
    [
      "a cut that is renumbered",
      "DELETE FROM audit_entries WHERE seq = 9; UPDATE audit_entries SET seq = seq - 1 WHERE seq > 9",
      9,
    ],
    [
      "two that changed places",
      "UPDATE audit_entries SET seq = CASE seq WHEN 9 THEN -11 WHEN 11 THEN -9 ELSE seq END; UPDATE audit_entries SET seq = -seq WHERE seq < 0",
      9,
    ],
    ["a cut head", "DELETE FROM audit_entries WHERE seq < 5", 1],
    [
      "a cut head with a base to match",
      "INSERT INTO audit_base SELECT 1, seq, mac FROM audit_entries WHERE seq = 4; DELETE FROM audit_entries WHERE seq < 5",
      5,
    ],
    ["a tail cut off before an anchor", "DELETE FROM audit_entries WHERE seq > 100", 101],
  ];
  test.each(changes)("finds %s", async (_, change, firstBad) => {
    const audit = await open();
    await fill(audit, 60);
    await audit.stop();
    expect(await audit.verify()).toMatchObject({ ok: true, records: 120, anchors: 2 });
    store.writeNow((sql) => {
      for (const one of change.split("; ")) sql.run(one);
    });
    expect(await audit.verify()).toMatchObject({ ok: false, firstBad });
  });

  test.each([
    ["changed places", "act = 4 - act", ["INTERNAL", "ok"]],
    ["is of no act", "act = act + 100", ["unfinished", "unfinished"]],
  ])("finds an end that %s in the index of ends, even when every record is intact", async (_, change, shown) => {
    const audit = await open();
    await fill(audit, 1);
    await expect(audit.record(act(), () => Promise.reject(new Error("x")))).rejects.toThrow();
    await audit.stop();
    store.close();
    editIndexAlone(change);
    store = new Store(join(directory.path, "store.db"), auditMigrations, now);
    const after = await open();
    expect(after.newest(2).map(({ outcome }) => outcome)).toEqual(shown);
    expect(await after.verify()).toMatchObject({ ok: false, firstBad: 1 });
  });

  test("finds every flipped byte of the anchors, except the last line's newline", async () => {
    const audit = await open();
    await fill(audit, 3);
    await audit.stop();
    const good = readFileSync(anchors());
    for (let at = 0; at < good.length - 1; at++) {
      const bad = Buffer.from(good);
      bad[at] = (bad[at] ?? 0) ^ 1;
      writeFileSync(anchors(), bad);
      expect((await audit.verify()).ok).toBe(false);
    }
  });

  test("the retention leaves a signed mark, and the chain verifies from there", async () => {
    const audit = await open(100);
    await fill(audit, 200);
    await audit.stop();
    const verdict = await audit.verify();
    expect(verdict.ok).toBe(true);
    expect(verdict.records).toBeLessThan(175);
    expect(audit.after(0).some(({ method }) => method === "audit.prune")).toBe(true);
    store.writeNow((sql) => sql.run("DELETE FROM audit_entries WHERE seq <= (SELECT min(seq) + 3 FROM audit_entries)"));
    expect((await audit.verify()).ok).toBe(false);
  });

  test("a flood of an agent's calls removes no record of a person, and the chain still verifies", async () => {
    const audit = await open(200);
    await audit.record(act({ id: "evidence" }), () => "stored");
    audit.refused("user:0", "keystore.get", "c-2");
    const flood = { principal: "agent:loud-1", method: "http.request", params: {}, correlationId: "c-9" };
    for (let number = 0; number < 600; number++)
      await expect(
        audit.record(flood, () => {
          throw new BridgeError("SECRET_TOKEN_INVALID");
        }),
      ).rejects.toMatchObject({ code: "SECRET_TOKEN_INVALID" });
    const records = audit.after(0);
    expect(records.length).toBeLessThan(400);
    expect(records.filter(({ principal }) => principal === "user:0")).toMatchObject([
      { kind: "kept", method: "keystore.get", subject: "evidence", outcome: "ok", calls: 1 },
      { kind: "refused", method: "keystore.get", outcome: "FORBIDDEN", calls: 1 },
    ]);
    expect(await audit.verify()).toMatchObject({ ok: true });
    await audit.stop();
  });
});

test("a record is exported as a JSON line and in the Common Event Format, and cannot break out of either", async () => {
  const audit = await open();
  await audit.record(act({ id: "a=b|c\\d\nCEF:0|x" }), () => 1);
  const [record] = audit.newest(1);
  if (record === undefined) throw new Error("no record");
  expect(JSON.parse(jsonLine(record))).toMatchObject({ seq: 1, principal: "user:0", result: "ok" });
  const cef = cefLine("0.1.0", record);
  expect(cef).not.toContain("\n");
  expect(cef).toMatch(
    /^CEF:0\|ArmorClaw\|bridge\|0\.1\.0\|keystore\.get\|keystore\.get\|3\|rt=\d+ externalId=1 suser=user:0 outcome=ok /,
  );
  expect(cef).toContain("duid=a\\=b|c\\\\d\\nCEF:0|x");
});
