import type { Migration } from "../../store/index.ts";

export const agentsMigrations: readonly Migration[] = [
  {
    domain: "agents",
    version: 1,
    sql: `CREATE TABLE agents (
      agent_id TEXT PRIMARY KEY, loop TEXT NOT NULL, origin TEXT NOT NULL, desired TEXT NOT NULL,
      slot INTEGER NOT NULL, epoch INTEGER NOT NULL, is_paused INTEGER NOT NULL, restarts INTEGER NOT NULL,
      created_at_ms INTEGER NOT NULL, expires_at_ms INTEGER) STRICT;
    CREATE TABLE panic (id INTEGER PRIMARY KEY CHECK (id = 1), since_ms INTEGER NOT NULL, reason TEXT NOT NULL) STRICT`,
  },
  {
    domain: "agents",
    version: 2,
    sql: `CREATE TABLE holding_engine (
      id INTEGER PRIMARY KEY CHECK (id = 1), kind TEXT NOT NULL, boot_id TEXT NOT NULL) STRICT`,
  },
  { domain: "agents", version: 3, sql: "ALTER TABLE agents ADD COLUMN is_suspended INTEGER NOT NULL DEFAULT 0" },
];
