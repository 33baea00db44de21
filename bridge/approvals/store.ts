import { createHash } from "node:crypto";
import { canonicalJson } from "@armorclaw/protocol";
import type { Row, Sql } from "../store/index.ts";

export type Status = "pending_approval" | "approved" | "denied" | "expired" | "used";

/** Exactly what is asked for, and by whom. */
export interface Question {
  readonly requester: string;
  readonly method: string;
  /** Canonical JSON. */
  readonly request: string;
}

export interface Approval extends Question {
  readonly id: string;
  readonly status: Status;
  readonly digest: string;
  readonly reason: string | null;
  /** Principals who may answer; empty for everyone whose role allows it. */
  readonly answerers: readonly string[];
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly decidedAt: number | null;
  readonly decidedBy: string | null;
  readonly note: string | null;
}

export const questionDigest = ({ requester, method, request }: Question): string =>
  createHash("sha256")
    .update(canonicalJson([requester, method, request]))
    .digest("hex");

export function insertApproval(sql: Sql, row: Approval): void {
  sql.run(
    "INSERT INTO approvals VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, NULL)",
    row.id,
    row.status,
    row.requester,
    row.method,
    row.request,
    row.digest,
    row.reason,
    JSON.stringify(row.answerers),
    row.createdAt,
    row.expiresAt,
  );
}

export function findApproval(sql: Sql, id: string): Approval | undefined {
  const row = sql.get("SELECT * FROM approvals WHERE id = ?", id);
  return row === undefined ? undefined : approvalOf(row);
}

/** The newest one that was asked in these words. */
export function newestOf(sql: Sql, digest: string): Approval | undefined {
  const row = sql.get("SELECT * FROM approvals WHERE digest = ? ORDER BY created_at DESC, rowid DESC LIMIT 1", digest);
  return row === undefined ? undefined : approvalOf(row);
}

/** From `pending_approval` once: whoever comes second changes nothing. @returns whether it was this one */
export function decide(
  sql: Sql,
  id: string,
  decision: { status: "approved" | "denied"; by: string; note: string | null; now: number; expiresAt: number },
): boolean {
  const { status, by, note, now, expiresAt } = decision;
  const settled = sql.run(
    `UPDATE approvals SET status = ?, decided_by = ?, note = ?, decided_at = ?, expires_at = ?
     WHERE id = ? AND status = 'pending_approval' AND expires_at > ?`,
    status,
    by,
    note,
    now,
    expiresAt,
    id,
    now,
  );
  return settled.changes === 1;
}

/** From `approved` once. @returns whether it was this one */
export function use(sql: Sql, id: string, digest: string, now: number): boolean {
  const used = sql.run(
    "UPDATE approvals SET status = 'used' WHERE id = ? AND digest = ? AND status = 'approved' AND expires_at > ?",
    id,
    digest,
    now,
  );
  return used.changes === 1;
}

/** Ends what nobody answered, and what was allowed and not used. @returns those that ended */
export function expire(sql: Sql, now: number): Approval[] {
  return sql
    .all(
      `UPDATE approvals SET status = 'expired', decided_at = coalesce(decided_at, ?)
       WHERE status IN ('pending_approval', 'approved') AND expires_at <= ? RETURNING *`,
      now,
      now,
    )
    .map(approvalOf);
}

/** When the next one ends. */
export function nextExpiry(sql: Sql): number | undefined {
  const row = sql.get("SELECT min(expires_at) AS at FROM approvals WHERE status IN ('pending_approval', 'approved')");
  return typeof row?.["at"] === "number" ? row["at"] : undefined;
}

export const pendingOf = (sql: Sql, requester: string): number =>
  Number(
    sql.get("SELECT count(*) AS n FROM approvals WHERE requester = ? AND status = 'pending_approval'", requester)?.[
      "n"
    ] ?? 0,
  );

/** When each no of a person to such a question was said, the newest first, back to the newest yes. */
export function denialsOf(sql: Sql, requester: string, method: string, sinceMs: number): readonly number[] {
  const decided = sql.all(
    `SELECT status, decided_at FROM approvals INDEXED BY approvals_by_requester
     WHERE requester = ? AND status IN ('denied', 'approved', 'used') AND method = ? AND decided_at > ?
     ORDER BY decided_at DESC LIMIT 20`,
    requester,
    method,
    sinceMs,
  );
  const yes = decided.findIndex(({ status }) => status !== "denied");
  return (yes === -1 ? decided : decided.slice(0, yes)).map((row) => Number(row["decided_at"]));
}

/** The bytes of a requester's open questions. */
export const pendingBytesOf = (sql: Sql, requester: string): number =>
  Number(
    sql.get(
      "SELECT coalesce(sum(length(request)), 0) AS bytes FROM approvals WHERE requester = ? AND status = 'pending_approval'",
      requester,
    )?.["bytes"] ?? 0,
  );

export const listApprovals = (sql: Sql, onlyPending: boolean, limit: number): Approval[] =>
  sql
    .all(
      `SELECT * FROM approvals WHERE ? = 0 OR status = 'pending_approval' ORDER BY created_at DESC, rowid DESC LIMIT ?`,
      onlyPending ? 1 : 0,
      limit,
    )
    .map(approvalOf);

/** Forgets a requester's settled ones beyond the newest `keep`; the record of who answered stays in the audit. */
export const forgetOld = (sql: Sql, requester: string, keep: number) =>
  sql.run(
    `DELETE FROM approvals WHERE rowid IN (SELECT rowid FROM approvals
       WHERE requester = ? AND status IN ('denied', 'expired', 'used') ORDER BY rowid DESC LIMIT 1000 OFFSET ?)`,
    requester,
    keep,
  );

function approvalOf(row: Row): Approval {
  const text = (name: string) => (row[name] === null || row[name] === undefined ? null : String(row[name]));
  return {
    id: String(row["id"]),
    status: row["status"] as Status,
    requester: String(row["requester"]),
    method: String(row["method"]),
    request: String(row["request"]),
    digest: String(row["digest"]),
    reason: text("reason"),
    answerers: JSON.parse(String(row["answerers"])) as string[],
    createdAt: Number(row["created_at"]),
    expiresAt: Number(row["expires_at"]),
    decidedAt: typeof row["decided_at"] === "number" ? row["decided_at"] : null,
    decidedBy: text("decided_by"),
    note: text("note"),
  };
}
