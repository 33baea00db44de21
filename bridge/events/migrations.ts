import type { Migration } from "../store/index.ts";

/**
 * `reserved`: no `seq` above it was given out before. `forgotten`: durable events up to it may have been removed. `is_open`: a
 * bridge writes the log, or ended without an orderly stop.
 * An event with an audience (`owner/name`) is for that named subscription alone: it is a dead letter that is delivered again.
 */
export const eventsMigrations: readonly Migration[] = [
  {
    domain: "events",
    version: 1,
    sql: `
CREATE TABLE events (
  seq INTEGER PRIMARY KEY,
  at_ms INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  is_volatile INTEGER NOT NULL,
  -- The principal whose share of the log the event takes.
  share TEXT NOT NULL,
  audience TEXT,
  event TEXT NOT NULL
) STRICT;
CREATE INDEX events_by_class ON events (is_volatile, seq, at_ms, bytes, share);
CREATE INDEX events_by_share ON events (is_volatile, share, seq, at_ms, bytes);
CREATE TABLE event_state (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  log_id TEXT NOT NULL,
  reserved INTEGER NOT NULL,
  forgotten INTEGER NOT NULL,
  is_open INTEGER NOT NULL
) STRICT;
INSERT INTO event_state VALUES (1, lower(hex(randomblob(4))), 0, 0, 0);
CREATE TABLE event_consumers (
  owner TEXT NOT NULL,
  name TEXT NOT NULL,
  selector TEXT NOT NULL,
  cursor INTEGER NOT NULL,
  failed_seq INTEGER NOT NULL DEFAULT 0,
  attempts INTEGER NOT NULL DEFAULT 0,
  -- The newest event that was for it and was removed unread.
  lost INTEGER NOT NULL DEFAULT 0,
  created_at TEXT NOT NULL,
  PRIMARY KEY (owner, name)
) STRICT;
CREATE TABLE event_dead_letters (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  owner TEXT NOT NULL,
  name TEXT NOT NULL,
  seq INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  reason TEXT NOT NULL,
  died_at TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  event TEXT NOT NULL
) STRICT;
CREATE INDEX event_dead_letters_by_consumer ON event_dead_letters (owner, name, id, bytes, died_at);
`,
  },
  {
    domain: "events",
    version: 2,
    sql: `
-- Messages that their receiver has not acknowledged.
CREATE TABLE event_inboxes (seq INTEGER PRIMARY KEY, receiver TEXT NOT NULL, sender TEXT NOT NULL, bytes INTEGER NOT NULL) STRICT;
CREATE INDEX event_inboxes_by_sender ON event_inboxes (receiver, sender, seq, bytes);
`,
  },
  {
    domain: "events",
    version: 3,
    // Rare events are found by it without a look at the others.
    sql: `
ALTER TABLE events ADD COLUMN channel TEXT NOT NULL DEFAULT '';
ALTER TABLE events ADD COLUMN type TEXT NOT NULL DEFAULT '';
UPDATE events SET channel = event ->> '$.channel', type = event ->> '$.type';
CREATE INDEX events_by_kind ON events (channel, type, seq);
`,
  },
];
