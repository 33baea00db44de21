import { rmSync } from "node:fs";
import { join } from "node:path";
import { Secret } from "@armorclaw/protocol";
import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { tempDirectory } from "../../tests/support/temp.ts";
import { silentLogger } from "../logging/index.ts";
import { systemClock } from "../platform/clock.ts";
import { Store } from "../store/index.ts";
import { Keystore, keystoreMigrations, type UnlockSourceSettings, unlockSource } from "./index.ts";

let directory: ReturnType<typeof tempDirectory>;
let store: Store;
beforeEach(() => {
  directory = tempDirectory();
  store = new Store(join(directory.path, "store.db"), keystoreMigrations, "2026-11-21T08:00:00.000Z");
});
afterEach(() => {
  store.close();
  directory[Symbol.dispose]();
});

const keyFile = () => join(directory.path, "keystore.key");
function keystore(kind: UnlockSourceSettings["kind"]): Keystore {
  const settings = {
    kind,
    keyFile: keyFile(),
    credentialsDirectory: undefined,
    installId: "x",
    platform: "linux",
  } as const;
  return new Keystore({
    store,
    source: unlockSource(settings),
    clock: systemClock,
    logger: silentLogger,
    publish: () => undefined,
    autoLockMs: undefined,
  });
}
async function unlocked(kind: UnlockSourceSettings["kind"], passphrase?: string): Promise<Keystore> {
  const keys = keystore(kind);
  await keys.unlock(passphrase === undefined ? undefined : Secret.fromText(passphrase));
  return keys;
}
const put = (keys: Keystore, id: string) => keys.put({ id, provider: "openai", value: Secret.fromText(`sk-${id}`) });
const reveal = async (keys: Keystore, id: string) => (await keys.read(id)).value.reveal();

test("accepts a new passphrase, and the old one opens nothing afterwards", async () => {
  const keys = await unlocked("passphrase", "correct horse");
  await put(keys, "openai");
  expect(await keys.rekey("passphrase", Secret.fromText("battery staple"))).toBe(false);
  await keys.rotateMaster();
  keys.lock();
  await expect(keys.unlock(Secret.fromText("correct horse"))).rejects.toMatchObject({ code: "KEYSTORE_WRONG_KEY" });
  await expect(keys.rekey("key-file")).rejects.toMatchObject({ code: "KEYSTORE_LOCKED" });
  await keys.unlock(Secret.fromText("battery staple"));
  expect(await reveal(keys, "openai")).toBe("sk-openai");
});

test("changes from a key file to a passphrase and back, also without a configured source", async () => {
  const keys = await unlocked("auto");
  await put(keys, "openai");
  await expect(keys.rekey("key-file")).rejects.toMatchObject({ code: "INVALID_PARAMS" });
  expect(await keys.rekey("passphrase", Secret.fromText("battery staple"))).toBe(false);
  rmSync(keyFile());
  const later = keystore("auto");
  await later.open();
  expect([later.source, later.isUnlocked]).toEqual(["passphrase", false]);
  await expect(keystore("key-file").unlock()).rejects.toThrow("set keystore.source");
  await later.unlock(Secret.fromText("battery staple"));
  expect(await later.rekey("key-file")).toBe(false);
  const last = await unlocked("key-file");
  expect(await reveal(last, "openai")).toBe("sk-openai");
  expect(await last.rekey("passphrase", Secret.fromText("x"))).toBe(true);
});

test("a change of the unlock source that cannot be written changes nothing", async () => {
  const keys = await unlocked("key-file");
  await put(keys, "openai");
  const failing = jest.spyOn(store, "write").mockRejectedValueOnce(new Error("disk"));
  await expect(keys.rekey("passphrase", Secret.fromText("x"))).rejects.toThrow("disk");
  failing.mockRestore();
  await put(keys, "another");
  expect(keys.source).toBe("key-file");
  expect(await reveal(await unlocked("key-file"), "another")).toBe("sk-another");
});
