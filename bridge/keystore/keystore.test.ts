import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { inspect } from "node:util";
import { Secret } from "@armorclaw/protocol";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { tempDirectory } from "../../tests/support/temp.ts";
import type { PublishEvent } from "../events/index.ts";
import { silentLogger } from "../logging/index.ts";
import { systemClock } from "../platform/clock.ts";
import { Store } from "../store/index.ts";
import { associated, open, seal } from "./envelope.ts";
import { ExpiryWatch, Keystore, keystoreMigrations, type UnlockSource, unlockSource } from "./index.ts";
import { providers } from "./providers.ts";

const now = "2026-11-21T08:00:00.000Z";
const canary = "sk-proj-canary-0123456789abcdef";

let directory: ReturnType<typeof tempDirectory>;
let store: Store;
beforeEach(() => {
  directory = tempDirectory();
  store = new Store(join(directory.path, "store.db"), keystoreMigrations, now);
});
afterEach(() => {
  store.close();
  directory[Symbol.dispose]();
});

const told: (readonly [type: string, data: object])[] = [];
const publish: PublishEvent = (type, _, data) => void told.push([type, data]);

const keyFile = () => join(directory.path, "keystore.key");
const source = (kind: "auto" | UnlockSource["kind"] = "key-file") =>
  unlockSource({
    kind,
    keyFile: keyFile(),
    credentialsDirectory: undefined,
    installId: "0123456789ab",
    platform: "linux",
  });
const keystore = (from = source(), autoLockMs?: number) =>
  new Keystore({ store, source: from, clock: systemClock, logger: silentLogger, publish, autoLockMs });
const unlocked = async (from = source()) => {
  const keys = keystore(from);
  await keys.unlock(from.kind === "passphrase" ? Secret.fromText("correct horse") : undefined);
  return keys;
};
const put = (keys: Keystore, id: string, text = canary) =>
  keys.put({ id, provider: "openai", value: Secret.fromText(text) });
const reveal = async (keys: Keystore, id: string) => (await keys.read(id)).value.reveal();

describe("Secret", () => {
  test("is shown only by reveal() and use()", () => {
    const secret = Secret.fromText(canary);
    const shown = [
      `${secret}`,
      "".concat(secret as never),
      JSON.stringify({ secret }),
      inspect({ secret }, { depth: 9, showHidden: true }),
      inspect(new Error("x", { cause: secret })),
      Object.values(secret).join(),
      String(structuredClone({ ...secret })),
    ].join("\n");
    expect(shown).not.toContain("canary");
    expect(shown).toContain("[secret]");
    expect(secret.reveal()).toBe(canary);
  });
});

describe("the envelope", () => {
  const key = Buffer.alloc(32, 7);
  const aad = associated("a", "b");

  test("opens only with its key and its associated data, and detects every flipped bit", () => {
    const sealed = seal(key, aad, Buffer.from("value"));
    expect(open(key, aad, sealed).toString()).toBe("value");
    expect(() => open(Buffer.alloc(32, 8), aad, sealed)).toThrow("altered, moved or removed");
    expect(() => open(key, associated("ab"), sealed)).toThrow("altered, moved or removed");
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const flipped = Buffer.from(sealed);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(() => open(key, aad, flipped)).toThrow(expect.objectContaining({ code: "KEYSTORE_DAMAGED" }));
    }
  });

  test("associated data of different fields is never equal", () => {
    const lists = [["a", "b"], ["ab"], ["a", "", "b"], ["", "ab"], [null, "ab"], ["ab", null], ["a", "b", ""]];
    expect(new Set(lists.map((fields) => associated(...fields).toString("hex"))).size).toBe(lists.length);
  });
});

describe("Keystore", () => {
  test("stores a key sealed, and returns it to the next bridge", async () => {
    const keys = await unlocked();
    const { info, warnings } = await put(keys, "openai");
    expect(info).toMatchObject({ id: "openai", version: 1, provider: "openai", displayName: "openai" });
    expect(warnings).toEqual([]);
    store.close();
    expect(readFileSync(join(directory.path, "store.db")).includes("canary")).toBe(false);
    store = new Store(join(directory.path, "store.db"), keystoreMigrations, now);
    expect(await reveal(await unlocked(), "openai")).toBe(canary);
  });

  test("stores another value as the next version, and names keys after their provider", async () => {
    const keys = await unlocked();
    await put(keys, "openai");
    expect((await put(keys, "openai", "sk-proj-other-0123456789abcdef")).info.version).toBe(2);
    expect((await keys.put({ provider: "openai", value: Secret.fromText("short") })).info.id).toBe("openai-2");
    expect((await keys.replace("openai", Secret.fromText("third"))).version).toBe(3);
    expect(await reveal(keys, "openai")).toBe("third");
    expect(keys.list().map(({ id, version }) => [id, version])).toEqual([
      ["openai", 3],
      ["openai-2", 1],
    ]);
    await keys.remove("openai-2");
    await expect(keys.read("openai-2")).rejects.toMatchObject({ code: "KEY_NOT_FOUND" });
    await expect(keys.read("opena")).rejects.toThrow("did you mean openai?");
  });

  test("warns about a key's shape without showing any part of the key", async () => {
    const keys = await unlocked();
    const value = Secret.fromText("sk-ant-api03-0123456789abcdefghij");
    const { warnings } = await keys.put({ provider: "openai", value });
    expect(warnings).toEqual(["Keys of OpenAI look like sk-…, and this one does not; it looks like one of Anthropic"]);
    expect(
      Object.values(providers).every(({ shape, looksLike }) => (shape === undefined) === (looksLike === undefined)),
    ).toBe(true);
  });

  test("does not return an expired key, and reports which keys will expire", async () => {
    const keys = await unlocked();
    await keys.put({ id: "old", provider: "openai", value: Secret.fromText("x"), expiresAt: Date.now() - 1 });
    await keys.put({ id: "soon", provider: "openai", value: Secret.fromText("x"), expiresAt: Date.now() + 86_400_000 });
    await put(keys, "never");
    await expect(keys.read("old")).rejects.toMatchObject({ code: "KEY_EXPIRED" });
    expect(keys.expiring()).toEqual(["old", "soon"]);
  });

  test("a wrong or moved master key is an error that changes nothing", async () => {
    await put(await unlocked(), "openai");
    const before = store.read((sql) => sql.all("SELECT * FROM keystore_masters"));
    const rightKey = readFileSync(keyFile());
    writeFileSync(keyFile(), "0".repeat(64));
    await expect(keystore().unlock()).rejects.toMatchObject({ code: "KEYSTORE_WRONG_KEY" });
    const moved = unlockSource({
      kind: "key-file",
      keyFile: join(directory.path, "gone"),
      credentialsDirectory: undefined,
      installId: "x",
      platform: "linux",
    });
    await expect(keystore(moved).unlock()).rejects.toMatchObject({ code: "KEYSTORE_WRONG_KEY" });
    expect(existsSync(join(directory.path, "gone"))).toBe(false);
    await expect(keystore(source("passphrase")).unlock(Secret.fromText("x"))).rejects.toThrow("key-file");
    expect(store.read((sql) => sql.all("SELECT * FROM keystore_masters"))).toEqual(before);
    writeFileSync(keyFile(), rightKey);
    expect(await reveal(await unlocked(), "openai")).toBe(canary);
  });

  test("refuses a key file that others may read", async () => {
    await unlocked();
    chmodSync(keyFile(), 0o644);
    await expect(keystore().unlock()).rejects.toThrow("Others may read");
  });

  test("opens with its passphrase, and with no other", async () => {
    const keys = await unlocked(source("passphrase"));
    await put(keys, "openai");
    keys.lock();
    await expect(keys.read("openai")).rejects.toMatchObject({ code: "KEYSTORE_LOCKED" });
    await expect(keys.unlock(Secret.fromText("incorrect horse"))).rejects.toMatchObject({ code: "KEYSTORE_WRONG_KEY" });
    await expect(keys.unlock()).rejects.toThrow("passphrase is missing");
    await keys.unlock(Secret.fromText("correct horse"));
    expect(await reveal(keys, "openai")).toBe(canary);
  });

  test("locks itself when it is idle", async () => {
    let fire: (() => void) | undefined;
    const clock = {
      ...systemClock,
      after: (_: number, callback: () => void) => {
        fire = callback;
        return { cancel: () => undefined };
      },
    };
    const keys = new Keystore({ store, source: source(), clock, logger: silentLogger, publish, autoLockMs: 1_000 });
    await keys.unlock();
    expect(keys.isUnlocked).toBe(true);
    fire?.();
    expect(keys.isUnlocked).toBe(false);
    expect(told.at(-1)).toEqual(["keystore.locked", { reason: "It was unused for 1000 ms" }]);
  });

  test("reports of each key once that it expires soon, and once that it has expired", async () => {
    const day = 86_400_000;
    let nowMs = day;
    const key = { id: "api", provider: "openai", expiresAt: 20 * day };
    const events: unknown[] = [];
    const watch = new ExpiryWatch({
      keys: () => [key as ReturnType<Keystore["list"]>[number]],
      publish: (type, _, data) => void events.push([type, data]),
      clock: { ...systemClock, now: () => nowMs },
    });
    await watch.start();
    for (nowMs of [3 * day, 6 * day + 1, 7 * day, 20 * day, 21 * day]) watch.look();
    await watch.stop();
    const data = { id: "api", provider: "openai", expires_at: "1970-01-21T00:00:00.000Z" };
    expect(events).toEqual([
      ["keystore.expiring", data],
      ["keystore.expired", data],
    ]);
  });

  test("a master rotation that was killed half-way is finished by the next unlocking", async () => {
    const keys = await unlocked();
    for (let number = 0; number < 120; number++) await put(keys, `key-${number}`, `${canary}-${number}`);
    const internal = keys.internalKey("audit").toString("hex");
    let commits = 0;
    const dying: Pick<Store, "write" | "read" | "writeNow"> = {
      read: (work) => store.read(work),
      writeNow: (work) => store.writeNow(work),
      write: (work) => (++commits === 3 ? Promise.reject(new Error("killed")) : store.write(work)),
    };
    const victim = new Keystore({
      publish,
      store: dying as Store,
      source: source(),
      clock: systemClock,
      logger: silentLogger,
      autoLockMs: undefined,
    });
    await victim.unlock();
    await expect(victim.rotateMaster()).rejects.toThrow("killed");
    expect(store.read((sql) => sql.all("SELECT DISTINCT master_id FROM keystore_keys")).length).toBe(2);
    const next = keystore();
    expect(await next.unlock()).toBe(71);
    expect(store.read((sql) => sql.all("SELECT id FROM keystore_masters")).length).toBe(1);
    expect(next.verify()).toEqual({ keys: 120 });
    expect(await reveal(next, "key-119")).toBe(`${canary}-119`);
    expect(next.internalKey("audit").toString("hex")).toBe(internal);
    expect(next.list().length).toBe(120);
  });

  test("finds records that were swapped, removed, put back or given another expiry", async () => {
    const keys = await unlocked();
    await put(keys, "a", "value a");
    const old = store.read((sql) => sql.get("SELECT data_key, envelope FROM keystore_keys WHERE id = 'a'"));
    await put(keys, "a", "value a 2");
    await put(keys, "b", "value b");
    const changes = [
      "UPDATE keystore_keys SET envelope = (SELECT envelope FROM keystore_keys WHERE id = 'b'), data_key = (SELECT data_key FROM keystore_keys WHERE id = 'b') WHERE id = 'a'",
      "UPDATE keystore_keys SET id = CASE id WHEN 'a' THEN 'b ' WHEN 'b' THEN 'a ' ELSE id END",
      "DELETE FROM keystore_keys WHERE id = 'b'",
      "UPDATE keystore_keys SET expires_at = 1 WHERE id = 'a'",
      "UPDATE keystore_keys SET provider = 'x' WHERE id = 'a'",
    ];
    for (const change of changes) {
      expect(() =>
        store.writeNow((sql) => {
          sql.run(change);
          keys.verify();
        }),
      ).toThrow(expect.objectContaining({ code: "KEYSTORE_DAMAGED" }));
    }
    store.writeNow((sql) =>
      sql.run(
        "UPDATE keystore_keys SET version = 1, data_key = ?, envelope = ? WHERE id = 'a'",
        old?.["data_key"] ?? null,
        old?.["envelope"] ?? null,
      ),
    );
    expect(() => keys.verify()).toThrow(expect.objectContaining({ code: "KEYSTORE_DAMAGED" }));
    await expect(put(keys, "c")).rejects.toMatchObject({ code: "KEYSTORE_DAMAGED" });
  });
});

test("a keyring and a credential unlock it, too, and the key is never in a command line", async () => {
  const keyringTool = join(directory.path, "secret-tool");
  // The program records its input and its arguments.
  const program = `#!/bin/sh\necho "$@" >>${directory.path}/calls\ncase $1 in store) cat >${directory.path}/kept;; lookup) cat ${directory.path}/kept;; esac\n`;
  writeFileSync(keyringTool, program, { mode: 0o700 });
  const base = { keyFile: keyFile(), installId: "x", platform: "linux" } as const;
  const keyring = unlockSource({ kind: "keyring", ...base, credentialsDirectory: undefined, keyringTool });
  await put(await unlocked(keyring), "openai");
  expect(await reveal(await unlocked(keyring), "openai")).toBe(canary);
  const key = readFileSync(join(directory.path, "kept"), "utf8");
  expect(key).toMatch(/^[0-9a-f]{64}$/);
  expect(readFileSync(join(directory.path, "calls"), "utf8")).not.toContain(key);

  writeFileSync(join(directory.path, "armorclaw-keystore"), key, { mode: 0o400 });
  const settings = {
    keyFile: keyFile(),
    credentialsDirectory: directory.path,
    installId: "x",
    platform: "linux",
  } as const;
  expect(unlockSource({ kind: "auto", ...settings }).kind).toBe("credentials");
  expect(unlockSource({ kind: "auto", ...settings, credentialsDirectory: undefined }).kind).toBe("key-file");
});
