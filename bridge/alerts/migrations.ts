import type { Migration } from "../store/index.ts";

/** `alerts_open`: what was told and is not over. `alerts_pending`: what waits to be told together. */
export const alertsMigrations: readonly Migration[] = [
  {
    domain: "alerts",
    version: 1,
    sql: `
CREATE TABLE alerts_open (
  rule TEXT NOT NULL,
  key TEXT NOT NULL,
  severity TEXT NOT NULL,
  text TEXT NOT NULL,
  first_ms INTEGER NOT NULL,
  last_ms INTEGER NOT NULL,
  told_ms INTEGER NOT NULL,
  untold INTEGER NOT NULL,
  PRIMARY KEY (rule, key)
) STRICT;
CREATE TABLE alerts_pending (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  destination TEXT NOT NULL,
  lane TEXT NOT NULL,
  rule TEXT NOT NULL,
  key TEXT NOT NULL,
  text TEXT NOT NULL,
  due_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX alerts_pending_due ON alerts_pending (due_ms);
`,
  },
];
