import type { Migration } from "../store/index.ts";

export const attachmentMigrations: readonly Migration[] = [
  {
    domain: "attachments",
    version: 1,
    sql: `CREATE TABLE attachment_contents (digest TEXT PRIMARY KEY, content BLOB NOT NULL) STRICT;
    CREATE TABLE attachments (
      name TEXT NOT NULL, version INTEGER NOT NULL, digest TEXT NOT NULL REFERENCES attachment_contents, type TEXT NOT NULL,
      encoding TEXT NOT NULL, metadata TEXT NOT NULL, attached_at INTEGER NOT NULL, attached_by TEXT NOT NULL,
      PRIMARY KEY (name, version)) STRICT`,
  },
];
