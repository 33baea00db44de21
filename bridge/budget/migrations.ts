import type { Migration } from "../store/index.ts";

const entries = `
CREATE TABLE budget_entries (
  id INTEGER PRIMARY KEY,
  reservation TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('reserve', 'settle', 'release', 'expire', 'adjust')),
  at_ms INTEGER NOT NULL,
  hour TEXT NOT NULL, day TEXT NOT NULL, week TEXT NOT NULL, month TEXT NOT NULL,
  provider TEXT, model TEXT, loop TEXT, agent TEXT, task TEXT, run TEXT,
  held_nano_usd INTEGER NOT NULL, held_tokens INTEGER NOT NULL, held_calls INTEGER NOT NULL, held_ms INTEGER NOT NULL,
  spent_nano_usd INTEGER NOT NULL, spent_tokens INTEGER NOT NULL, spent_calls INTEGER NOT NULL, spent_ms INTEGER NOT NULL,
  input_tokens INTEGER NOT NULL DEFAULT 0, output_tokens INTEGER NOT NULL DEFAULT 0,
  basis TEXT CHECK (basis IN ('provider', 'bound', 'reported')),
  price TEXT
) STRICT;
CREATE UNIQUE INDEX budget_entries_start ON budget_entries (reservation) WHERE kind = 'reserve';
CREATE UNIQUE INDEX budget_entries_end ON budget_entries (reservation) WHERE kind IN ('settle', 'release', 'expire');
CREATE UNIQUE INDEX budget_entries_late ON budget_entries (reservation) WHERE kind = 'adjust';
CREATE INDEX budget_entries_day ON budget_entries (day);
CREATE INDEX budget_entries_week ON budget_entries (week);
CREATE INDEX budget_entries_month ON budget_entries (month);
CREATE INDEX budget_entries_run ON budget_entries (run);
CREATE INDEX budget_entries_at ON budget_entries (at_ms);
CREATE TRIGGER budget_entries_kept BEFORE DELETE ON budget_entries
  BEGIN SELECT RAISE(ABORT, 'The ledger is append-only'); END;
CREATE TRIGGER budget_entries_fixed BEFORE UPDATE ON budget_entries
  BEGIN SELECT RAISE(ABORT, 'The ledger is append-only'); END;`;

/** Derived from the entries, so that a check need not add them up. */
const derived = `
CREATE TABLE budget_counters (
  scope TEXT NOT NULL, window TEXT NOT NULL,
  held_nano_usd INTEGER NOT NULL, held_tokens INTEGER NOT NULL, held_calls INTEGER NOT NULL, held_ms INTEGER NOT NULL,
  spent_nano_usd INTEGER NOT NULL, spent_tokens INTEGER NOT NULL, spent_calls INTEGER NOT NULL, spent_ms INTEGER NOT NULL,
  PRIMARY KEY (scope, window)
) STRICT, WITHOUT ROWID;
CREATE TABLE budget_open (
  reservation TEXT PRIMARY KEY, expires_at_ms INTEGER NOT NULL, on_expiry TEXT NOT NULL CHECK (on_expiry IN ('release', 'spend'))
) STRICT, WITHOUT ROWID;
CREATE INDEX budget_open_expiry ON budget_open (expires_at_ms);`;

const decisions = `
CREATE TABLE budget_limits (
  scope TEXT NOT NULL, window TEXT NOT NULL, unit TEXT NOT NULL,
  soft INTEGER, hard INTEGER, on_hard TEXT NOT NULL CHECK (on_hard IN ('refuse', 'freeze', 'stop')),
  origin TEXT NOT NULL CHECK (origin IN ('config', 'set')), configured TEXT,
  PRIMARY KEY (scope, window, unit)
) STRICT, WITHOUT ROWID;
CREATE TABLE budget_grants (
  id INTEGER PRIMARY KEY,
  scope TEXT NOT NULL, window TEXT NOT NULL, unit TEXT NOT NULL, amount INTEGER NOT NULL,
  at_ms INTEGER NOT NULL, asked_by TEXT NOT NULL, approved_by TEXT NOT NULL, approval TEXT NOT NULL UNIQUE, reason TEXT NOT NULL
) STRICT;
CREATE INDEX budget_grants_window ON budget_grants (scope, window);
CREATE TABLE budget_alerts (
  id INTEGER PRIMARY KEY,
  scope TEXT NOT NULL, window TEXT NOT NULL, unit TEXT NOT NULL, ceiling INTEGER NOT NULL, level TEXT NOT NULL,
  at_ms INTEGER NOT NULL, alert TEXT NOT NULL, published INTEGER NOT NULL DEFAULT 0,
  UNIQUE (scope, window, unit, ceiling, level)
) STRICT;
CREATE INDEX budget_alerts_unpublished ON budget_alerts (published) WHERE published = 0;
CREATE TABLE budget_frozen_agents (
  agent TEXT PRIMARY KEY, scope TEXT NOT NULL, window TEXT NOT NULL, unit TEXT NOT NULL, ceiling INTEGER NOT NULL,
  ends_at_ms INTEGER, reason TEXT NOT NULL
) STRICT, WITHOUT ROWID;`;

/** Each agent has a bounded number of open reservations. */
const openByAgent = `
ALTER TABLE budget_open ADD COLUMN agent TEXT;
CREATE INDEX budget_open_agent ON budget_open (agent) WHERE agent IS NOT NULL;`;

const balances = ["held", "spent"].flatMap((kind) =>
  ["nano_usd", "tokens", "calls", "ms"].map((unit) => `${kind}_${unit}`),
);
const figures = [...balances, "input_tokens", "output_tokens"];
const toRollup = `INSERT INTO budget_rollups
  SELECT at_ms / 3600000, hour, day, week, month, COALESCE(provider, ''), COALESCE(model, ''), COALESCE(loop, ''), COALESCE(agent, ''),
    ${figures.join(", ")}, basis IS 'bound' AND kind <> 'adjust' FROM`;
const addToRollup = `ON CONFLICT DO UPDATE SET
  ${[...figures, "bounded"].map((column) => `${column} = MIN(${column} + excluded.${column}, 9007199254740991)`).join(", ")}`;

/**
 * The sums of the entries by hour and by what has few values, so that sums over a large ledger stay cheap. `at_hour` is the hour of the
 * entry; `hour` is the window of its reservation. An empty name stands for none.
 */
const rollups = `
CREATE TABLE budget_rollups (
  at_hour INTEGER NOT NULL, hour TEXT NOT NULL, day TEXT NOT NULL, week TEXT NOT NULL, month TEXT NOT NULL,
  provider TEXT NOT NULL, model TEXT NOT NULL, loop TEXT NOT NULL, agent TEXT NOT NULL,
  ${[...figures, "bounded"].map((column) => `${column} INTEGER NOT NULL`).join(", ")},
  PRIMARY KEY (at_hour, hour, provider, model, loop, agent)
) STRICT, WITHOUT ROWID;
CREATE INDEX budget_rollups_day ON budget_rollups (day);
CREATE INDEX budget_rollups_week ON budget_rollups (week);
CREATE INDEX budget_rollups_month ON budget_rollups (month);
CREATE INDEX budget_entries_task ON budget_entries (task) WHERE task IS NOT NULL;
${toRollup} budget_entries WHERE true ${addToRollup};
CREATE TRIGGER budget_entries_rolled_up AFTER INSERT ON budget_entries
  BEGIN ${toRollup} budget_entries WHERE id = NEW.id ${addToRollup}; END;`;

export const budgetMigrations: readonly Migration[] = [
  { domain: "budget", version: 1, sql: `${entries}${derived}${decisions}` },
  { domain: "budget", version: 2, sql: openByAgent },
  { domain: "budget", version: 3, sql: rollups },
];
