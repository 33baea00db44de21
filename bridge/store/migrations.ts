import { createHash } from "node:crypto";
import { existsSync, rmSync } from "node:fs";
import { BridgeError } from "@armorclaw/protocol/errors";
import type { Connection } from "./database.ts";

/** One step of a domain's tables. A released step never changes; a later change is a new step. */
export interface Migration {
  /** The folder that owns the tables, e.g. `audit`. */
  readonly domain: string;
  /** Counts up from 1 within the domain. */
  readonly version: number;
  readonly sql: string;
}

const bookkeeping = `CREATE TABLE IF NOT EXISTS migrations (
  domain TEXT NOT NULL, version INTEGER NOT NULL, checksum TEXT NOT NULL, applied_at TEXT NOT NULL,
  PRIMARY KEY (domain, version)) STRICT`;

const checksum = (sql: string): string => createHash("sha256").update(sql).digest("hex");

/**
 * Brings the tables up to date: it makes a backup of a store that holds data, and runs all missing steps in one transaction.
 * @throws BridgeError STATE_UNUSABLE when the store is newer than this bridge, or a released step was changed
 */
export function migrate(connection: Connection, path: string, migrations: readonly Migration[], now: string): void {
  connection.database.exec(bookkeeping);
  const applied = new Map(
    connection
      .all("SELECT domain, version, checksum FROM migrations")
      .map((row) => [`${row["domain"]} ${row["version"]}`, row]),
  );
  const known = new Set(migrations.map(({ domain, version }) => `${domain} ${version}`));
  const domains = new Set(migrations.map(({ domain }) => domain));
  for (const [step, row] of applied) {
    if (domains.has(String(row["domain"])) && !known.has(step))
      throw unusable(path, `it was written by a later version (${step})`);
  }
  for (const { domain, version, sql } of migrations) {
    const row = applied.get(`${domain} ${version}`);
    if (row !== undefined && row["checksum"] !== checksum(sql))
      throw unusable(path, `the step ${domain} ${version} differs`);
  }
  const missing = migrations.filter(({ domain, version }) => !applied.has(`${domain} ${version}`));
  if (missing.length === 0) return;
  if (applied.size > 0) backUp(connection, `${path}.before-migration`);
  connection.database.exec("BEGIN IMMEDIATE");
  try {
    for (const { domain, version, sql } of missing) {
      connection.database.exec(sql);
      connection.run("INSERT INTO migrations VALUES (?, ?, ?, ?)", domain, version, checksum(sql), now);
    }
    connection.database.exec("COMMIT");
  } catch (error) {
    connection.database.exec("ROLLBACK");
    throw error;
  }
}

function backUp(connection: Connection, target: string): void {
  if (existsSync(target)) rmSync(target);
  connection.run("VACUUM INTO ?", target);
}

const unusable = (path: string, why: string) => new BridgeError("STATE_UNUSABLE", `${path} cannot be used: ${why}`);
