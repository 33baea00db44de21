import type { Row, Sql } from "../store/index.ts";

export type TaskState = "queued" | "running" | "done" | "dead";
type Payload = Readonly<Record<string, unknown>>;

export interface Task {
  readonly id: number;
  readonly title: string;
  readonly state: TaskState;
  readonly agentId: string | null;
  readonly isAssigned: boolean;
  readonly capability: string | null;
  readonly payload: Payload;
  readonly progress: number | null;
  readonly message: string | null;
  readonly result: Payload | null;
  readonly attempts: number;
  readonly attemptsMax: number;
  readonly leaseMs: number;
  readonly dueMs: number;
  readonly createdBy: string;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

export interface TaskDraft {
  readonly title: string;
  readonly agentId: string | null;
  readonly capability: string | null;
  readonly payload: Payload;
  readonly attemptsMax: number;
  readonly leaseMs: number;
  readonly createdBy: string;
}

export function insertTask(sql: Sql, draft: TaskDraft, nowMs: number): number {
  const { title, agentId, capability, payload, attemptsMax, leaseMs, createdBy } = draft;
  return sql.run(
    `INSERT INTO tasks (title, state, agent_id, is_assigned, capability, payload, attempts_max, lease_ms, due_ms,
       created_by, created_at_ms, updated_at_ms) VALUES (?, 'queued', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    title,
    agentId,
    agentId === null ? 0 : 1,
    capability,
    JSON.stringify(payload),
    attemptsMax,
    leaseMs,
    nowMs,
    createdBy,
    nowMs,
    nowMs,
  ).lastId;
}

export function getTask(sql: Sql, id: number): Task | undefined {
  const row = sql.get("SELECT * FROM tasks WHERE id = ?", id);
  return row === undefined ? undefined : fromRow(row);
}

/** The oldest task that the agent may take now. */
export function nextFor(sql: Sql, agentId: string, capabilities: readonly string[], nowMs: number): Task | undefined {
  const row = sql.get(
    `SELECT * FROM tasks WHERE state = 'queued' AND due_ms <= ? AND (agent_id = ? OR (agent_id IS NULL AND
       capability IN (SELECT value FROM json_each(?)))) ORDER BY id LIMIT 1`,
    nowMs,
    agentId,
    JSON.stringify(capabilities),
  );
  return row === undefined ? undefined : fromRow(row);
}

/** Writes the fields of a task that can change. */
export function saveTask(sql: Sql, task: Task): void {
  sql.run(
    `UPDATE tasks SET state = ?, agent_id = ?, is_assigned = ?, progress = ?, message = ?, result = ?, attempts = ?,
       due_ms = ?, updated_at_ms = ? WHERE id = ?`,
    task.state,
    task.agentId,
    task.isAssigned ? 1 : 0,
    task.progress,
    task.message,
    task.result === null ? null : JSON.stringify(task.result),
    task.attempts,
    task.dueMs,
    task.updatedAtMs,
    task.id,
  );
}

export const removeTask = (sql: Sql, id: number): boolean => sql.run("DELETE FROM tasks WHERE id = ?", id).changes > 0;

export const countOpen = (sql: Sql): number =>
  Number(sql.get("SELECT count(*) AS n FROM tasks WHERE state IN ('queued', 'running')")?.["n"] ?? 0);

export const expiredLeases = (sql: Sql, nowMs: number): Task[] =>
  sql.all("SELECT * FROM tasks WHERE state = 'running' AND due_ms <= ? ORDER BY id LIMIT 100", nowMs).map(fromRow);

/** Queued tasks whose next attempt became due after `afterMs`. */
export const becameDue = (sql: Sql, afterMs: number, nowMs: number): Task[] =>
  sql
    .all(
      "SELECT * FROM tasks WHERE state = 'queued' AND due_ms > ? AND due_ms <= ? ORDER BY id LIMIT 100",
      afterMs,
      nowMs,
    )
    .map(fromRow);

export const removeSettledBefore = (sql: Sql, ms: number): number =>
  sql.run("DELETE FROM tasks WHERE state IN ('done', 'dead') AND updated_at_ms < ?", ms).changes;

export interface TaskFilter {
  readonly state?: TaskState | undefined;
  readonly agentId?: string | undefined;
  readonly afterId: number;
  readonly limit: number;
}

export const listTasks = (sql: Sql, { state, agentId, afterId, limit }: TaskFilter): Task[] =>
  sql
    .all(
      `SELECT * FROM tasks WHERE id > ? AND state = coalesce(?, state) AND (? IS NULL OR agent_id = ?)
       ORDER BY id LIMIT ?`,
      afterId,
      state ?? null,
      agentId ?? null,
      agentId ?? null,
      limit,
    )
    .map(fromRow);

const text = (row: Row, column: string): string | null => (row[column] === null ? null : String(row[column]));
const json = (value: string | null): Payload | null => (value === null ? null : (JSON.parse(value) as Payload));

const fromRow = (row: Row): Task => ({
  id: Number(row["id"]),
  title: String(row["title"]),
  state: row["state"] as TaskState,
  agentId: text(row, "agent_id"),
  isAssigned: row["is_assigned"] === 1,
  capability: text(row, "capability"),
  payload: json(String(row["payload"])) ?? {},
  progress: row["progress"] === null ? null : Number(row["progress"]),
  message: text(row, "message"),
  result: json(text(row, "result")),
  attempts: Number(row["attempts"]),
  attemptsMax: Number(row["attempts_max"]),
  leaseMs: Number(row["lease_ms"]),
  dueMs: Number(row["due_ms"]),
  createdBy: String(row["created_by"]),
  createdAtMs: Number(row["created_at_ms"]),
  updatedAtMs: Number(row["updated_at_ms"]),
});
