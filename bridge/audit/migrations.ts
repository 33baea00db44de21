import type { Migration } from "../store/index.ts";

export const auditMigrations: readonly Migration[] = [
  {
    domain: "audit",
    version: 1,
    sql: `CREATE TABLE audit_entries (
      seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, act INTEGER, time INTEGER NOT NULL, principal TEXT NOT NULL,
      method TEXT NOT NULL, params_digest TEXT NOT NULL, result TEXT NOT NULL, correlation_id TEXT NOT NULL,
      subject TEXT, mac BLOB NOT NULL) STRICT;
    CREATE INDEX audit_ends ON audit_entries (act) WHERE act IS NOT NULL;
    CREATE TABLE audit_base (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, mac BLOB NOT NULL) STRICT`,
  },
];
