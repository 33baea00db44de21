import { isUtf8 } from "node:buffer";
import { createHash } from "node:crypto";
import { BridgeError, canonicalJson } from "@armorclaw/protocol";
import type { Clock } from "../platform/clock.ts";
import type { Sql, Store } from "../store/index.ts";
import { lineDiff } from "./diff.ts";
import { type Attachment, findAttachment, findContent, insertAttachment, newestAttachments } from "./store.ts";

const contentBytesMax = 1_048_576;

export interface Draft extends Pick<Attachment, "name" | "encoding" | "type" | "metadata"> {
  readonly content: string;
}

/** The configurations that are attached for agents, stored by the digest of their content. A name is a row's label and never a path. */
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
    return this.#store.read(newestAttachments);
  }

  /** @throws BridgeError CONFIG_NOT_FOUND */
  get(name: string, version?: number): Attachment & { readonly content: string } {
    return this.#store.read((sql) => {
      const attachment = findAttachment(sql, name, version);
      if (attachment === undefined)
        throw new BridgeError("CONFIG_NOT_FOUND", `No configuration ${name} is attached`, { name });
      const content = findContent(sql, attachment.digest);
      return { ...attachment, content: content.toString(attachment.encoding === "raw" ? "utf8" : "base64") };
    });
  }

  /** The text that a person is asked to approve: the whole proposal, its difference, and the version that it replaces. */
  proposal(draft: Draft): string {
    const content = decode(draft);
    const known = this.#store.read((sql) => findAttachment(sql, draft.name));
    const before = known === undefined ? Buffer.alloc(0) : this.#store.read((sql) => findContent(sql, known.digest));
    const isText = isUtf8(content) && isUtf8(before);
    const diff = isText
      ? lineDiff(before.toString(), content.toString())
      : "The content is not text; the whole of it stands in `draft`";
    return canonicalJson({ draft, digest: digestOf(content), diff, replaces: known?.digest ?? null });
  }

  /**
   * Attaches an approved proposal in the approval's own transaction.
   * @returns notifies the loops; the caller calls it once the transaction is committed
   * @throws BridgeError CONFIG_CHANGED when another version was attached after the proposal
   */
  applyProposal(sql: Sql, request: string, by: string): () => void {
    const { draft, replaces, digest } = JSON.parse(request) as {
      draft: Draft;
      replaces: string | null;
      digest: string;
    };
    const content = decode(draft);
    const known = findAttachment(sql, draft.name);
    if ((known?.digest ?? null) !== replaces || digestOf(content) !== digest)
      throw new BridgeError("CONFIG_CHANGED", `${draft.name} changed after this was proposed`);
    const attachment = this.#insert(sql, draft, content, by);
    return () => this.#onAttached(attachment);
  }

  #insert(sql: Sql, draft: Draft, content: Buffer, by: string): Attachment {
    const { name, type, encoding, metadata } = draft;
    const facts = { name, type, encoding, metadata, digest: digestOf(content) };
    return insertAttachment(sql, { ...facts, attachedAt: this.#clock.now(), attachedBy: by }, content);
  }
}

const digestOf = (content: Uint8Array): string => createHash("sha256").update(content).digest("hex");

function decode({ content, encoding }: Draft): Buffer {
  const bytes = Buffer.from(content, encoding === "raw" ? "utf8" : "base64");
  const isExact =
    encoding === "raw" || bytes.toString("base64").replace(/={1,2}$/, "") === content.trim().replace(/={1,2}$/, "");
  if (!isExact) throw new BridgeError("CONFIG_TOO_LARGE", "The content is not valid base64");
  if (bytes.length > contentBytesMax)
    throw new BridgeError("CONFIG_TOO_LARGE", `The content has ${bytes.length} bytes; ${contentBytesMax} is the limit`);
  return bytes;
}
