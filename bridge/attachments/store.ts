import type { Row, Sql } from "../store/index.ts";

/** One version of an attached configuration, without its content. */
export interface Attachment {
  readonly name: string;
  readonly version: number;
  readonly digest: string;
  readonly size: number;
  readonly type: string;
  /** How the content was given. It is returned in the same encoding. */
  readonly encoding: "raw" | "base64";
  readonly metadata: Readonly<Record<string, string>>;
  readonly attachedAt: number;
  readonly attachedBy: string;
}

/** How many versions of one name are kept. */
const versionsKept = 20;

const select = `SELECT name, version, digest, type, encoding, metadata, attached_at, attached_by,
  (SELECT length(content) FROM attachment_contents c WHERE c.digest = attachments.digest) AS size FROM attachments`;

/** The newest version of each name. */
export const newestAttachments = (sql: Sql): Attachment[] =>
  sql
    .all(`${select} WHERE (name, version) IN (SELECT name, max(version) FROM attachments GROUP BY name) ORDER BY name`)
    .map(attachmentOf);

/** The given version, or the newest. */
export function findAttachment(sql: Sql, name: string, version?: number): Attachment | undefined {
  const row = sql.get(
    `${select} WHERE name = ? AND (? IS NULL OR version = ?) ORDER BY version DESC LIMIT 1`,
    name,
    version ?? null,
    version ?? null,
  );
  return row === undefined ? undefined : attachmentOf(row);
}

export function findContent(sql: Sql, digest: string): Buffer {
  const row = sql.get("SELECT content FROM attachment_contents WHERE digest = ?", digest);
  return Buffer.from((row?.["content"] as Uint8Array | undefined) ?? []);
}

/** Stores the content as the next version of its name, and removes versions that are over the bound. */
export function insertAttachment(sql: Sql, draft: Omit<Attachment, "version" | "size">, content: Buffer): Attachment {
  const { name, digest, type, encoding, metadata, attachedAt, attachedBy } = draft;
  const version = Number(sql.get("SELECT max(version) AS n FROM attachments WHERE name = ?", name)?.["n"] ?? 0) + 1;
  sql.run("INSERT OR IGNORE INTO attachment_contents VALUES (?, ?)", digest, content);
  sql.run(
    "INSERT INTO attachments VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    name,
    version,
    digest,
    type,
    encoding,
    JSON.stringify(metadata),
    attachedAt,
    attachedBy,
  );
  sql.run("DELETE FROM attachments WHERE name = ? AND version <= ?", name, version - versionsKept);
  sql.run("DELETE FROM attachment_contents WHERE digest NOT IN (SELECT digest FROM attachments)");
  return { ...draft, version, size: content.length };
}

const attachmentOf = (row: Row): Attachment => ({
  name: String(row["name"]),
  version: Number(row["version"]),
  digest: String(row["digest"]),
  size: Number(row["size"]),
  type: String(row["type"]),
  encoding: row["encoding"] as "raw" | "base64",
  metadata: JSON.parse(String(row["metadata"])) as Record<string, string>,
  attachedAt: Number(row["attached_at"]),
  attachedBy: String(row["attached_by"]),
});
