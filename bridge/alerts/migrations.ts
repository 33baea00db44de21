import type { Migration } from "../store/index.ts";

/** `alerts_open`: alerts that were sent and are not resolved. `alerts_pending`: alerts that wait for a digest. */
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
  sent_ms INTEGER NOT NULL,
  repeats INTEGER NOT NULL,
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
