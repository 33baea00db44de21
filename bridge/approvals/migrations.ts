import type { Migration } from "../store/index.ts";

export const approvalMigrations: readonly Migration[] = [
  {
    domain: "approvals",
    version: 1,
    sql: `CREATE TABLE approvals (
      id TEXT PRIMARY KEY, status TEXT NOT NULL, requester TEXT NOT NULL, method TEXT NOT NULL, request TEXT NOT NULL,
      digest TEXT NOT NULL, reason TEXT, answerers TEXT NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,
      decided_at INTEGER, decided_by TEXT, note TEXT) STRICT;
    CREATE INDEX approvals_by_digest ON approvals (digest, status);
    CREATE INDEX approvals_by_requester ON approvals (requester, status);
    CREATE INDEX approvals_by_status ON approvals (status, expires_at)`,
  },
];
