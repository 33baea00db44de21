import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "@jest/globals";
import { startTestDaemon, type TestDaemon } from "../support/daemon.ts";
import { startPager } from "../support/matrix/pager.ts";
import { tempDirectory } from "../support/temp.ts";
import { until } from "../support/until.ts";

const token = "sk-proj-canary-0123456789abcdef";

const eventsOf = async ({ client }: TestDaemon) =>
  (await client.event.history({ channels: ["keystore.>"] })).events.map(({ type, data }) => [type, data]);

const keystoreHealth = async ({ client }: TestDaemon) =>
  (await client.bridge.health()).checks.filter(({ name }) => name === "keystore" || name === "store");

test("the keystore publishes that it is locked, opened, expiring, rotated or damaged; a person is alerted of trouble", async () => {
  await using pager = await startPager();
  const heard = (words: RegExp) => until(`${words}`, () => pager.told.some(({ text }) => words.test(text)));
  using temp = tempDirectory();
  const config = join(temp.path, "armorclaw.toml");
  writeFileSync(
    config,
    `[alerts]\ndigest_ms = 200\n[webhooks]\npager = "${pager.url}/"\n[[alerts.to]]\ndestination = "webhook"\nlane = "pager"\n`,
  );
  const directories = { runtime: join(temp.path, "r"), state: join(temp.path, "s") };
  const options = {
    engine: "process" as const,
    flags: ["--config", config, "--set", "keystore.source=passphrase"],
    directories,
  };
  {
    await using daemon = await startTestDaemon(options);
    expect(await keystoreHealth(daemon)).toMatchObject([
      { name: "keystore", status: "degraded", message: expect.stringMatching(/locked/) },
      { name: "store", status: "ok" },
    ]);
    await daemon.client.keystore.unlock({ passphrase: "correct horse" });
    expect(await keystoreHealth(daemon)).toMatchObject([{ status: "ok" }, { status: "ok" }]);
    await daemon.client.keystore.lock({});
    await heard(/^⚠?.*The keystore is locked.*user:0 locked it/);
    await expect(daemon.client.keystore.unlock({ passphrase: "wrong" })).rejects.toMatchObject({
      code: "KEYSTORE_WRONG_KEY",
    });
    await daemon.client.keystore.unlock({ passphrase: "correct horse" });
    const expires_at = new Date(Date.now() + 3 * 86_400_000).toISOString();
    await daemon.client.keystore.store({ provider: "openai", id: "api", token, expires_at });
    await daemon.client.keystore.rotate({ id: "api", token: `${token}2` });
    await daemon.client.keystore.rotate({});
    expect(await eventsOf(daemon)).toMatchObject([
      ["keystore.locked", { reason: "The keystore waits for its passphrase" }],
      ["keystore.unlocked", { source: "passphrase" }],
      ["keystore.locked", { reason: "user:0 locked it" }],
      ["keystore.unlock_failed", {}],
      ["keystore.unlocked", {}],
      ["keystore.rotated", { id: "api", version: 2 }],
      ["keystore.rotated", { id: null, version: null }],
    ]);
  }
  const database = new DatabaseSync(join(directories.state, "store.db"));
  database.exec("UPDATE keystore_keys SET display_name = 'another' WHERE id = 'api'");
  database.close();
  await using daemon = await startTestDaemon(options);
  await heard(/The key api \(openai\) expires at/);
  await daemon.client.keystore.unlock({ passphrase: "correct horse" });
  await heard(/The keystore was changed outside of the bridge/);
  const types = (await eventsOf(daemon)).map(([type]) => type);
  expect(types).toEqual(expect.arrayContaining(["keystore.expiring", "keystore.damaged"]));
  expect(JSON.stringify([await eventsOf(daemon), pager.told])).not.toContain(token);
}, 60_000);
