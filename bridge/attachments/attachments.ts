import { isUtf8 } from "node:buffer";
import { createHash } from "node:crypto";
import { BridgeError, canonicalJson } from "@armorclaw/protocol";
import type { Clock } from "../platform/clock.ts";
import type { Row, Sql, Store } from "../store/index.ts";
import { lineDiff } from "./diff.ts";

const contentBytesMax = 1_048_576;
/** Versions of one name that are kept. */
const versionsKept = 20;

export interface Draft {
  readonly name: string;
  readonly content: string;
  readonly encoding: "raw" | "base64";
  readonly type: string;
  readonly metadata: Readonly<Record<string, string>>;
}

export interface Attachment extends Omit<Draft, "content"> {
  readonly version: number;
  readonly digest: string;
  readonly size: number;
  readonly attachedAt: number;
  readonly attachedBy: string;
}

/** Pieces of configuration, kept by their content's digest. A name is a label in a table: nothing is ever a path. */
export class Attachments {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #onAttached: (attachment: Attachment) => void;

  constructor(store: Store, clock: Clock, onAttached: (attachment: Attachment) => void) {
    this.#store = store;
    this.#clock = clock;
    this.#onAttached = onAttached;
  }

  /** @throws BridgeError CONFIG_TOO_LARGE */
  async attach(draft: Draft, by: string): Promise<Attachment> {
    const content = decode(draft);
    const attachment = await this.#store.write((sql) => this.#insert(sql, draft, content, by));
    this.#onAttached(attachment);
    return attachment;
  }

  list(): Attachment[] {
    const newest = "SELECT name, max(version) FROM attachments GROUP BY name";
    return this.#store.read((sql) =>
      sql.all(`${select} WHERE (name, version) IN (${newest}) ORDER BY name`).map(attachmentOf),
    );
  }

  /** @throws BridgeError CONFIG_NOT_FOUND */
  get(name: string, version?: number): Attachment & { readonly content: string } {
    const found = this.#store.read((sql) => {
      const row = sql.get(
        `${select} WHERE name = ? AND (? IS NULL OR version = ?) ORDER BY version DESC LIMIT 1`,
        name,
        version ?? null,
        version ?? null,
      );
      if (row === undefined) return undefined;
      const content = sql.get("SELECT content FROM attachment_contents WHERE digest = ?", String(row["digest"]))?.[
        "content"
      ];
      return { ...attachmentOf(row), content: Buffer.from(content as Uint8Array) };
    });
    if (found === undefined)
      throw new BridgeError("CONFIG_NOT_FOUND", `No configuration ${name} is attached`, { name });
    const { content, ...attachment } = found;
    return { ...attachment, content: content.toString(attachment.encoding === "raw" ? "utf8" : "base64") };
  }

  /** What a person is asked about a proposal: all of it, and against which version. */
  proposal(draft: Draft): string {
    const content = decode(draft);
    const known = this.list().find(({ name }) => name === draft.name);
    const before = known === undefined ? Buffer.alloc(0) : this.#content(known.digest);
    const isText = isUtf8(content) && isUtf8(before);
    const diff = isText
      ? lineDiff(before.toString(), content.toString())
      : "not text: the whole content stands in `draft`";
    return canonicalJson({ draft, digest: digestOf(content), diff, replaces: known?.digest ?? null });
  }

  /**
   * Attaches what was approved, in the approval's own transaction.
   * @returns what tells the loops, once that is committed
   * @throws BridgeError CONFIG_CHANGED when it was attached anew since
   */
  applyProposal(sql: Sql, request: string, by: string): () => void {
    const { draft, replaces, digest } = JSON.parse(request) as {
      draft: Draft;
      replaces: string | null;
      digest: string;
    };
    const content = decode(draft);
    const known = sql.get("SELECT digest FROM attachments WHERE name = ? ORDER BY version DESC LIMIT 1", draft.name);
    if ((known?.["digest"] ?? null) !== replaces || digestOf(content) !== digest)
      throw new BridgeError("CONFIG_CHANGED", `${draft.name} changed after this was proposed`);
    const attachment = this.#insert(sql, draft, content, by);
    return () => this.#onAttached(attachment);
  }

  #insert(sql: Sql, draft: Draft, content: Buffer, by: string): Attachment {
    const { name, type, encoding, metadata } = draft;
    const digest = digestOf(content);
    const version = Number(sql.get("SELECT max(version) AS n FROM attachments WHERE name = ?", name)?.["n"] ?? 0) + 1;
    const attachedAt = this.#clock.now();
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
      by,
    );
    sql.run("DELETE FROM attachments WHERE name = ? AND version <= ?", name, version - versionsKept);
    sql.run("DELETE FROM attachment_contents WHERE digest NOT IN (SELECT digest FROM attachments)");
    return { name, version, digest, type, encoding, metadata, size: content.length, attachedAt, attachedBy: by };
  }

  #content(digest: string): Buffer {
    const row = this.#store.read((sql) => sql.get("SELECT content FROM attachment_contents WHERE digest = ?", digest));
    return Buffer.from((row?.["content"] as Uint8Array | undefined) ?? []);
  }
}

const select = `SELECT name, version, digest, type, encoding, metadata, attached_at, attached_by,
  (SELECT length(content) FROM attachment_contents c WHERE c.digest = attachments.digest) AS size FROM attachments`;

const digestOf = (content: Uint8Array): string => createHash("sha256").update(content).digest("hex");

function decode({ content, encoding }: Draft): Buffer {
  const bytes = Buffer.from(content, encoding === "raw" ? "utf8" : "base64");
  const isExact =
    encoding === "raw" || bytes.toString("base64").replace(/=+$/, "") === content.trim().replace(/=+$/, "");
  if (!isExact) throw new BridgeError("CONFIG_TOO_LARGE", "The content is not valid base64");
  if (bytes.length > contentBytesMax)
    throw new BridgeError("CONFIG_TOO_LARGE", `The content has ${bytes.length} bytes; ${contentBytesMax} is the limit`);
  return bytes;
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
