import { randomBytes } from "node:crypto";
import { BridgeError } from "@armorclaw/protocol/errors";
import { expect, test } from "@jest/globals";
import { tempDirectory } from "../../../../tests/support/temp.ts";
import { Store } from "../../../store/index.ts";
import { sealedSecrets, secretMigrations } from "./sealed-secrets.ts";

test("a secret is returned only under its own name and key, and the file does not contain it", async () => {
  using temp = tempDirectory();
  using store = new Store(`${temp.path}/s.db`, secretMigrations, "2026-11-21T08:00:00.000Z");
  const key = randomBytes(32);
  const secrets = sealedSecrets(store, () => key);
  expect(await secrets.get("a")).toBeUndefined();
  await secrets.put("a", "the token");
  await secrets.put("a", "the later token");
  expect(await secrets.get("a")).toBe("the later token");
  const sealed = Buffer.from(
    store.read((sql) => sql.get("SELECT sealed FROM matrix_secrets"))?.["sealed"] as Uint8Array,
  );
  expect(sealed.includes("token")).toBe(false);
  await store.write((sql) => sql.run("INSERT INTO matrix_secrets VALUES ('b', ?)", sealed));
  await expect(secrets.get("b")).rejects.toThrow();
  await expect(sealedSecrets(store, () => randomBytes(32)).get("a")).rejects.toThrow();
  const locked = sealedSecrets(store, () => {
    throw new BridgeError("KEYSTORE_LOCKED");
  });
  await expect(locked.get("a")).rejects.toMatchObject({ code: "KEYSTORE_LOCKED" });
  await secrets.delete("a");
  expect(await secrets.get("a")).toBeUndefined();
});
