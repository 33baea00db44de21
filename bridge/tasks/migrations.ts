import type { Migration } from "../store/index.ts";

export const tasksMigrations: readonly Migration[] = [
  {
    domain: "tasks",
    version: 1,
    sql: `
CREATE TABLE tasks (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  title TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'dead')),
  agent_id TEXT,
  -- Whether a caller chose agent_id. Otherwise agent_id is the agent that claimed the task.
  is_assigned INTEGER NOT NULL,
  capability TEXT,
  payload TEXT NOT NULL,
  -- What the title and the payload take.
  bytes INTEGER NOT NULL,
  progress REAL,
  message TEXT,
  result TEXT,
  attempts INTEGER NOT NULL DEFAULT 0,
  attempts_max INTEGER NOT NULL,
  lease_ms INTEGER NOT NULL,
  -- queued: the earliest time of a claim; running: the end of the lease.
  due_ms INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  updated_at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX tasks_by_state ON tasks (state, id);
CREATE INDEX tasks_by_due ON tasks (state, due_ms);
CREATE INDEX tasks_by_creator ON tasks (created_by, state, bytes);
CREATE INDEX tasks_settled ON tasks (updated_at_ms) WHERE state IN ('done', 'dead');
`,
  },
];
