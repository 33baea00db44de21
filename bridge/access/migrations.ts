import type { Migration } from "../store/index.ts";

export const accessMigrations: readonly Migration[] = [
  {
    domain: "access",
    version: 1,
    sql: `CREATE TABLE access_roles (principal TEXT PRIMARY KEY, role TEXT NOT NULL, given_by TEXT NOT NULL, given_at INTEGER NOT NULL) STRICT;
    CREATE TABLE access_grants (
      loop TEXT NOT NULL, name TEXT NOT NULL, key_id TEXT NOT NULL, mode TEXT NOT NULL, destinations TEXT NOT NULL,
      granted_by TEXT NOT NULL, granted_at INTEGER NOT NULL, PRIMARY KEY (loop, name)) STRICT`,
  },
];
