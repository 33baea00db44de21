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

/** What a task's title and payload take in the store. */
const bytesOf = ({ title, payload }: TaskDraft): number =>
  Buffer.byteLength(title) + Buffer.byteLength(JSON.stringify(payload));

export function insertTask(sql: Sql, draft: TaskDraft, nowMs: number): number {
  const { title, agentId, capability, payload, attemptsMax, leaseMs, createdBy } = draft;
  return sql.run(
    `INSERT INTO tasks (title, state, agent_id, is_assigned, capability, payload, bytes, attempts_max, lease_ms, due_ms,
       created_by, created_at_ms, updated_at_ms) VALUES (?, 'queued', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    title,
    agentId,
    agentId === null ? 0 : 1,
    capability,
    JSON.stringify(payload),
    bytesOf(draft),
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

/** How many tasks of one creator are queued or running, and their bytes. */
export function openOf(sql: Sql, createdBy: string): { readonly tasks: number; readonly bytes: number } {
  const row = sql.get(
    "SELECT count(*) AS tasks, coalesce(sum(bytes), 0) AS bytes FROM tasks WHERE created_by = ? AND state IN ('queued', 'running')",
    createdBy,
  );
  return { tasks: Number(row?.["tasks"] ?? 0), bytes: Number(row?.["bytes"] ?? 0) };
}

/** Queued tasks that have been due since before `ms`. */
export const dueSince = (sql: Sql, ms: number, afterId: number): Task[] =>
  sql
    .all("SELECT * FROM tasks WHERE state = 'queued' AND due_ms < ? AND id > ? ORDER BY id LIMIT 100", ms, afterId)
    .map(fromRow);

/** Removes finished tasks of one creator beyond its newest `keep` of each state. @returns how many, at most 1000 of each */
export const removeSettledBeyond = (sql: Sql, createdBy: string, keep: number): number =>
  ["done", "dead"].reduce(
    (removed, state) =>
      removed +
      sql.run(
        `DELETE FROM tasks WHERE id IN
           (SELECT id FROM tasks WHERE created_by = ? AND state = ? ORDER BY id DESC LIMIT 1000 OFFSET ?)`,
        createdBy,
        state,
        keep,
      ).changes,
    0,
  );

export const expiredLeases = (sql: Sql, nowMs: number): Task[] =>
  sql.all("SELECT * FROM tasks WHERE state = 'running' AND due_ms <= ? ORDER BY due_ms LIMIT 100", nowMs).map(fromRow);

/** Queued tasks whose next attempt became due after `afterMs`. */
export const becameDue = (sql: Sql, afterMs: number, nowMs: number): Task[] =>
  sql
    .all(
      "SELECT * FROM tasks WHERE state = 'queued' AND due_ms > ? AND due_ms <= ? ORDER BY due_ms LIMIT 100",
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

export function listTasks(sql: Sql, { state, agentId, afterId, limit }: TaskFilter): Task[] {
  const conditions = ["id > ?"];
  const values: (string | number)[] = [afterId];
  if (state !== undefined) {
    conditions.push("state = ?");
    values.push(state);
  }
  if (agentId !== undefined) {
    conditions.push("agent_id = ?");
    values.push(agentId);
  }
  return sql
    .all(`SELECT * FROM tasks WHERE ${conditions.join(" AND ")} ORDER BY id LIMIT ?`, ...values, limit)
    .map(fromRow);
}

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
