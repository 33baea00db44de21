import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import type { Migration, Store } from "../../../store/index.ts";
import type { SecretStore } from "./session.ts";

export const secretMigrations: readonly Migration[] = [
  {
    domain: "matrix-secrets",
    version: 1,
    sql: "CREATE TABLE matrix_secrets (name TEXT PRIMARY KEY, sealed BLOB NOT NULL) STRICT, WITHOUT ROWID",
  },
];

const ivBytes = 12;
const tagBytes = 16;

/**
 * Secrets in the store, each sealed with a key that the keystore holds.
 * @param key throws while the keystore is locked
 */
export function sealedSecrets(store: Store, key: () => Buffer): SecretStore {
  return {
    assertOpen: () => void key(),
    get: async (name) => {
      const row = store.read((sql) => sql.get("SELECT sealed FROM matrix_secrets WHERE name = ?", name));
      return row === undefined ? undefined : open(key(), name, row["sealed"] as Uint8Array);
    },
    put: async (name, value) => {
      const sealed = seal(key(), name, value);
      const put = "INSERT INTO matrix_secrets VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET sealed = excluded.sealed";
      await store.write((sql) => sql.run(put, name, sealed));
    },
    delete: async (name) => {
      await store.write((sql) => sql.run("DELETE FROM matrix_secrets WHERE name = ?", name));
    },
  };
}

function seal(key: Buffer, name: string, value: string): Buffer {
  const iv = randomBytes(ivBytes);
  const cipher = createCipheriv("aes-256-gcm", key, iv).setAAD(Buffer.from(name));
  const ciphertext = Buffer.concat([cipher.update(value, "utf8"), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), ciphertext]);
}

function open(key: Buffer, name: string, sealed: Uint8Array): string {
  const tagEnd = ivBytes + tagBytes;
  const decipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(0, ivBytes)).setAAD(Buffer.from(name));
  decipher.setAuthTag(sealed.subarray(ivBytes, tagEnd));
  return Buffer.concat([decipher.update(sealed.subarray(tagEnd)), decipher.final()]).toString("utf8");
}
