import { createHmac } from "node:crypto";
import type { Row, Sql } from "../store/index.ts";

/**
 * `act`: a privileged act begins. `end`: how the act with the seq `act` ended. `pruned`: the retention removed the entries up to the
 * seq `act`; `paramsDigest` is the code of the last of them. `refused`: `act` calls were refused for want of rights; the entry has
 * the call's correlation id when there was only one.
 */
export type EntryKind = "act" | "end" | "kept" | "pruned" | "refused";

export interface EntryFields {
  readonly kind: EntryKind;
  readonly act: number | null;
  readonly time: number;
  readonly principal: string;
  readonly method: string;
  readonly paramsDigest: string;
  readonly result: string;
  readonly correlationId: string;
  readonly subject: string | null;
}

export interface Entry extends EntryFields {
  readonly seq: number;
  readonly mac: Uint8Array;
}

/** One link of the chain: an entry's number and code. */
export interface Link {
  readonly seq: number;
  readonly mac: Uint8Array;
}

export const firstLink: Link = { seq: 0, mac: new Uint8Array(32) };

/** The code of an entry, computed over all its fields and the code of the entry before it. */
export function entryMac(key: Uint8Array, before: Link, fields: EntryFields): Buffer {
  const { kind, act, time, principal, method, paramsDigest, result, correlationId, subject } = fields;
  const list = [before.seq + 1, kind, act, time, principal, method, paramsDigest, result, correlationId, subject];
  return createHmac("sha256", key).update(before.mac).update(JSON.stringify(list)).digest();
}

export function baseLink(sql: Sql): Link {
  const row = sql.get("SELECT seq, mac FROM audit_base");
  return row === undefined ? firstLink : linkOf(row);
}

export function headLink(sql: Sql): Link {
  const row = sql.get("SELECT seq, mac FROM audit_entries ORDER BY seq DESC LIMIT 1");
  return row === undefined ? baseLink(sql) : linkOf(row);
}

export function append(sql: Sql, key: Uint8Array, fields: EntryFields): Link {
  const head = headLink(sql);
  const link = { seq: head.seq + 1, mac: entryMac(key, head, fields) };
  const { kind, act, time, principal, method, paramsDigest, result, correlationId, subject } = fields;
  sql.run(
    "INSERT INTO audit_entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    link.seq,
    kind,
    act,
    time,
    principal,
    method,
    paramsDigest,
    result,
    correlationId,
    subject,
    link.mac,
  );
  return link;
}

/** Removes the entries up to `seq`, and records the removal in the chain. */
export function prune(sql: Sql, key: Uint8Array, seq: number, time: number): number {
  const last = sql.get("SELECT seq, mac FROM audit_entries WHERE seq = ?", seq);
  if (last === undefined) return 0;
  const { mac } = linkOf(last);
  append(sql, key, {
    kind: "pruned",
    act: seq,
    time,
    principal: "bridge",
    method: "audit.prune",
    paramsDigest: hex(mac),
    result: "ok",
    correlationId: "",
    subject: null,
  });
  keepActsOfPeople(sql, key, seq);
  sql.run("INSERT OR REPLACE INTO audit_base VALUES (1, ?, ?)", seq, mac);
  return sql.run("DELETE FROM audit_entries WHERE seq <= ?", seq).changes;
}

/**
 * Writes the acts that are not agents' again at the chain's end, so that an agent's flood pushes none of them out: at most half of what is
 * removed, the newest of them. `kept`: the act with the seq `act`, at its own time and with its result.
 */
function keepActsOfPeople(sql: Sql, key: Uint8Array, upTo: number): void {
  const removed = Number(sql.get("SELECT count(*) AS n FROM audit_entries WHERE seq <= ?", upTo)?.["n"] ?? 0);
  const acts = sql.all(
    `SELECT a.*, e.result AS outcome FROM audit_entries a
     LEFT JOIN audit_entries e ON e.act = a.seq AND e.kind = 'end' AND a.kind = 'act'
     WHERE a.seq <= ? AND a.kind IN ('act', 'kept', 'refused') AND a.principal NOT LIKE 'agent:%'
     ORDER BY a.seq DESC LIMIT ?`,
    upTo,
    Math.floor(removed / 2),
  );
  for (const row of acts.reverse()) {
    const { seq, mac, ...fields } = entryOf(row);
    if (fields.kind === "act")
      append(sql, key, { ...fields, kind: "kept", act: seq, result: String(row["outcome"] ?? "unfinished") });
    else append(sql, key, fields);
  }
}

export const entriesAfter = (sql: Sql, seq: number, limit: number): Entry[] =>
  sql.all("SELECT * FROM audit_entries WHERE seq > ? ORDER BY seq LIMIT ?", seq, limit).map(entryOf);

/** The ends, up to `head`, of the acts after `after` and up to `upTo`, read by the index that also serves `audit.tail`. */
export const endsByIndex = (sql: Sql, after: number, upTo: number, head: number): { act: number; seq: number }[] =>
  sql
    .all(
      `SELECT act, seq FROM audit_entries INDEXED BY audit_ends
        WHERE act > ? AND act <= ? AND kind = 'end' AND seq <= ?`,
      after,
      upTo,
      head,
    )
    .map((row) => ({ act: Number(row["act"]), seq: Number(row["seq"]) }));

/** An act and how it ended. */
export interface Act extends Entry {
  readonly outcome: string;
  /** How many calls the entry stands for. */
  readonly calls: number;
}

const acts = `SELECT a.*, e.result AS outcome FROM audit_entries a LEFT JOIN audit_entries e ON e.act = a.seq AND e.kind = 'end'
  WHERE a.kind <> 'end'`;

export const actsAfter = (sql: Sql, seq: number, limit: number): Act[] =>
  sql.all(`${acts} AND a.seq > ? ORDER BY a.seq LIMIT ?`, seq, limit).map(actOf);

export const newestActs = (sql: Sql, limit: number): Act[] =>
  sql.all(`${acts} ORDER BY a.seq DESC LIMIT ?`, limit).map(actOf).reverse();

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

const linkOf = (row: Row): Link => ({ seq: Number(row["seq"]), mac: row["mac"] as Uint8Array });

function entryOf(row: Row): Entry {
  const { act, subject } = row;
  return {
    seq: Number(row["seq"]),
    kind: row["kind"] as EntryKind,
    act: act === null || act === undefined ? null : Number(act),
    time: Number(row["time"]),
    principal: String(row["principal"]),
    method: String(row["method"]),
    paramsDigest: String(row["params_digest"]),
    result: String(row["result"]),
    correlationId: String(row["correlation_id"]),
    subject: subject === null || subject === undefined ? null : String(subject),
    mac: row["mac"] as Uint8Array,
  };
}

function actOf(row: Row): Act {
  const entry = entryOf(row);
  const outcome = String(row["outcome"] ?? (entry.kind === "act" ? "unfinished" : entry.result));
  return { ...entry, outcome, calls: entry.kind === "refused" ? (entry.act ?? 1) : 1 };
}
