import type { Migration } from "../store/index.ts";

/** `dedupe_key` makes queueing idempotent, and `transaction_id` makes sending idempotent. */
export const outboxMigrations: readonly Migration[] = [
  {
    domain: "outbox",
    version: 1,
    sql: `
CREATE TABLE outbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  destination TEXT NOT NULL,
  lane TEXT NOT NULL,
  dedupe_key TEXT NOT NULL,
  transaction_id TEXT NOT NULL UNIQUE,
  body TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('queued', 'sent', 'dead')),
  attempts INTEGER NOT NULL DEFAULT 0,
  next_at_ms INTEGER NOT NULL,
  created_at_ms INTEGER NOT NULL,
  settled_at_ms INTEGER,
  is_late INTEGER NOT NULL DEFAULT 0,
  last_error TEXT,
  receipt TEXT,
  UNIQUE (destination, dedupe_key)
) STRICT;
CREATE INDEX outbox_queued ON outbox (destination, lane, id) WHERE state = 'queued';
CREATE INDEX outbox_settled ON outbox (settled_at_ms) WHERE state = 'sent';
`,
  },
  {
    domain: "outbox",
    version: 2,
    sql: "ALTER TABLE outbox ADD COLUMN is_blocked INTEGER NOT NULL DEFAULT 0;",
  },
  {
    domain: "outbox",
    version: 3,
    sql: `
-- The principal whose share of the queue the message takes; NULL for the bridge's own.
ALTER TABLE outbox ADD COLUMN share TEXT;
CREATE INDEX outbox_shares ON outbox (share, state, id) WHERE share IS NOT NULL;
CREATE INDEX outbox_dead ON outbox (settled_at_ms) WHERE state = 'dead';
`,
  },
];
