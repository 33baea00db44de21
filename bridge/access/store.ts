import type { HttpMethod, Role, SecretMode } from "@armorclaw/protocol";
import type { Row, Sql } from "../store/index.ts";

/** Where a secret may be taken. */
export interface Destination {
  readonly host: string;
  readonly port: number;
  readonly methods: readonly HttpMethod[];
  readonly path: string;
}

/** A loop's right to one secret. */
export interface Grant {
  readonly loop: string;
  readonly name: string;
  readonly keyId: string;
  readonly mode: SecretMode;
  readonly destinations: readonly Destination[];
  readonly grantedBy: string;
  readonly grantedAt: number;
}

export const roleRow = (sql: Sql, principal: string): Role | undefined =>
  sql.get("SELECT role FROM access_roles WHERE principal = ?", principal)?.["role"] as Role | undefined;

export const saveRole = (sql: Sql, principal: string, role: Role, by: string, now: number) =>
  sql.run("INSERT OR REPLACE INTO access_roles VALUES (?, ?, ?, ?)", principal, role, by, now);

export const removeRole = (sql: Sql, principal: string): boolean =>
  sql.run("DELETE FROM access_roles WHERE principal = ?", principal).changes > 0;

export const saveGrant = (sql: Sql, grant: Grant) =>
  sql.run(
    "INSERT OR REPLACE INTO access_grants VALUES (?, ?, ?, ?, ?, ?, ?)",
    grant.loop,
    grant.name,
    grant.keyId,
    grant.mode,
    JSON.stringify(grant.destinations),
    grant.grantedBy,
    grant.grantedAt,
  );

export const removeGrant = (sql: Sql, loop: string, name: string | undefined): boolean =>
  sql.run("DELETE FROM access_grants WHERE loop = ? AND (? IS NULL OR name = ?)", loop, name ?? null, name ?? null)
    .changes > 0;

export const grantsOf = (sql: Sql, loop: string | undefined): Grant[] =>
  sql
    .all("SELECT * FROM access_grants WHERE ? IS NULL OR loop = ? ORDER BY loop, name", loop ?? null, loop ?? null)
    .map(grantOf);

const grantOf = (row: Row): Grant => ({
  loop: String(row["loop"]),
  name: String(row["name"]),
  keyId: String(row["key_id"]),
  mode: row["mode"] as SecretMode,
  destinations: JSON.parse(String(row["destinations"])) as Destination[],
  grantedBy: String(row["granted_by"]),
  grantedAt: Number(row["granted_at"]),
});
