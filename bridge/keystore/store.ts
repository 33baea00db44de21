import type { Row, Sql } from "../store/index.ts";
import type { UnlockKind, UnlockParameters } from "./unlock-key.ts";

export interface MasterRow {
  readonly id: string;
  readonly isCurrent: boolean;
  readonly createdAt: number;
  readonly kind: UnlockKind;
  readonly parameters: UnlockParameters;
  readonly envelope: Uint8Array;
}

/** A key's record without its value and the data that seals it. */
export interface KeyMeta {
  readonly id: string;
  readonly version: number;
  readonly provider: string;
  readonly displayName: string;
  readonly tags: readonly string[];
  readonly baseUrl: string | null;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly expiresAt: number | null;
}

export interface KeyRow extends KeyMeta {
  readonly masterId: string;
  readonly dataKey: Uint8Array;
  readonly envelope: Uint8Array;
}

export function masters(sql: Sql): MasterRow[] {
  return sql.all("SELECT * FROM keystore_masters ORDER BY created_at, id").map((row) => ({
    id: String(row["id"]),
    isCurrent: row["is_current"] === 1,
    createdAt: Number(row["created_at"]),
    kind: row["unlock_kind"] as UnlockKind,
    parameters: JSON.parse(String(row["unlock_parameters"])) as UnlockParameters,
    envelope: row["envelope"] as Uint8Array,
  }));
}

export function addMaster(sql: Sql, row: MasterRow): void {
  sql.run("UPDATE keystore_masters SET is_current = 0");
  const { id, createdAt, kind, parameters, envelope } = row;
  const values = [id, createdAt, kind, JSON.stringify(parameters), envelope] as const;
  sql.run("INSERT INTO keystore_masters VALUES (?, 1, ?, ?, ?, ?)", ...values);
}

export function rewrapMaster(sql: Sql, { id, kind, parameters, envelope }: MasterRow): void {
  const change = "UPDATE keystore_masters SET unlock_kind = ?, unlock_parameters = ?, envelope = ? WHERE id = ?";
  sql.run(change, kind, JSON.stringify(parameters), envelope, id);
}

export const removeMaster = (sql: Sql, id: string) => sql.run("DELETE FROM keystore_masters WHERE id = ?", id);

export const allKeys = (sql: Sql): KeyRow[] => sql.all("SELECT * FROM keystore_keys ORDER BY id").map(keyRow);

export function findKey(sql: Sql, id: string): KeyRow | undefined {
  const row = sql.get("SELECT * FROM keystore_keys WHERE id = ?", id);
  return row === undefined ? undefined : keyRow(row);
}

export function keysOfOtherMasters(sql: Sql, masterId: string, limit: number): KeyRow[] {
  return sql.all("SELECT * FROM keystore_keys WHERE master_id <> ? LIMIT ?", masterId, limit).map(keyRow);
}

export function saveKey(sql: Sql, row: KeyRow): void {
  sql.run(
    "INSERT OR REPLACE INTO keystore_keys VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    row.id,
    row.version,
    row.provider,
    row.displayName,
    JSON.stringify(row.tags),
    row.baseUrl,
    row.createdAt,
    row.updatedAt,
    row.expiresAt,
    row.masterId,
    row.dataKey,
    row.envelope,
  );
}

export function removeKey(sql: Sql, id: string): void {
  sql.run("DELETE FROM keystore_keys WHERE id = ?", id);
  sql.run("DELETE FROM keystore_uses WHERE id = ?", id);
}

export const touchKey = (sql: Sql, id: string, now: number) =>
  sql.run("INSERT OR REPLACE INTO keystore_uses VALUES (?, ?)", id, now);

export function lastUses(sql: Sql): Map<string, number> {
  return new Map(sql.all("SELECT * FROM keystore_uses").map((row) => [String(row["id"]), Number(row["last_used_at"])]));
}

export const savedRoster = (sql: Sql) => sql.get("SELECT mac FROM keystore_roster")?.["mac"] as Uint8Array | undefined;

export const saveRoster = (sql: Sql, mac: Uint8Array) =>
  sql.run("INSERT OR REPLACE INTO keystore_roster VALUES (1, ?)", mac);

function keyRow(row: Row): KeyRow {
  const time = (value: Row[string] | undefined) => (value === null || value === undefined ? null : Number(value));
  return {
    id: String(row["id"]),
    version: Number(row["version"]),
    provider: String(row["provider"]),
    displayName: String(row["display_name"]),
    tags: JSON.parse(String(row["tags"])) as string[],
    baseUrl: row["base_url"] === null ? null : String(row["base_url"]),
    createdAt: Number(row["created_at"]),
    updatedAt: Number(row["updated_at"]),
    expiresAt: time(row["expires_at"]),
    masterId: String(row["master_id"]),
    dataKey: row["data_key"] as Uint8Array,
    envelope: row["envelope"] as Uint8Array,
  };
}
