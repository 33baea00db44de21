import type { Migration } from "../store/index.ts";

export const keystoreMigrations: readonly Migration[] = [
  {
    domain: "keystore",
    version: 1,
    sql: `CREATE TABLE keystore_masters (
      id TEXT PRIMARY KEY, is_current INTEGER NOT NULL, created_at INTEGER NOT NULL,
      unlock_kind TEXT NOT NULL, unlock_parameters TEXT NOT NULL, envelope BLOB NOT NULL) STRICT;
    CREATE TABLE keystore_keys (
      id TEXT PRIMARY KEY, version INTEGER NOT NULL, provider TEXT NOT NULL, display_name TEXT NOT NULL,
      tags TEXT NOT NULL, base_url TEXT, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, expires_at INTEGER,
      master_id TEXT NOT NULL REFERENCES keystore_masters, data_key BLOB NOT NULL, envelope BLOB NOT NULL) STRICT;
    CREATE TABLE keystore_uses (id TEXT PRIMARY KEY, last_used_at INTEGER NOT NULL) STRICT;
    CREATE TABLE keystore_roster (one INTEGER PRIMARY KEY CHECK (one = 1), mac BLOB NOT NULL) STRICT`,
  },
];
