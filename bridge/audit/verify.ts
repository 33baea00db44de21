import { setImmediate as nextTurn } from "node:timers/promises";
import type { Store } from "../store/index.ts";
import { type Anchor, type AnchorSink, anchorParser } from "./anchors.ts";
import { baseLink, type Entry, endsByIndex, entriesAfter, entryMac, headLink, type Link } from "./store.ts";

export interface Verdict {
  readonly ok: boolean;
  readonly records: number;
  readonly anchors: number;
  readonly firstBad?: number;
  readonly reason?: string;
}

/** How many entries or anchors are checked before other work of the bridge runs. */
const perTurn = 100;

/** Checks the chain itself and against the anchors. Entries that are added meanwhile are not checked. */
export async function verifyChain(store: Store, key: Uint8Array, sinks: readonly AnchorSink[]): Promise<Verdict> {
  // The anchors of this moment are of entries that are there now.
  const end = store.read(headLink).seq;
  const written = sinks.map(({ name, read }) => ({ name, lines: read?.() ?? [] }));
  const anchors = await parseAnchors(key, written);
  const anchored = new Set(anchors.found.map(({ seq }) => seq));
  const chain = new ChainCheck(key, store.read(baseLink), anchored);
  while (chain.link.seq < end && chain.fault === undefined) {
    const entries = store.read((sql) => entriesAfter(sql, chain.link.seq, perTurn));
    if (entries.length === 0) chain.fail(chain.link.seq + 1, "the record is missing");
    const last = entries.at(-1)?.seq ?? 0;
    for (const shown of store.read((sql) => endsByIndex(sql, chain.link.seq, last, end))) chain.willEnd(shown);
    for (const entry of entries) if (chain.fault === undefined) chain.take(entry);
    await nextTurn();
  }
  chain.finish();
  const agreeing = chain.fault === undefined ? checkAnchors(chain, anchors) : 0;
  const { fault } = chain;
  return {
    ok: fault === undefined,
    records: chain.records,
    anchors: agreeing,
    ...(fault === undefined ? {} : { firstBad: fault.seq, reason: fault.reason }),
  };
}

interface Anchors {
  readonly found: readonly (Anchor & { readonly sink: string })[];
  /** The sink with a line that the bridge did not write, which follows those that were found. */
  readonly changedIn: string | undefined;
}

async function parseAnchors(
  key: Uint8Array,
  written: readonly { readonly name: string; readonly lines: readonly string[] }[],
): Promise<Anchors> {
  const parse = anchorParser(key);
  const found: Anchors["found"][number][] = [];
  for (const { name, lines } of written) {
    for (const [index, line] of lines.entries()) {
      if (index % perTurn === 0) await nextTurn();
      const anchor = parse(line);
      if (anchor === undefined) return { found, changedIn: name };
      found.push({ ...anchor, sink: name });
    }
  }
  return { found, changedIn: undefined };
}

class ChainCheck {
  /** Of the entries that have an anchor, and of the base. */
  readonly codes = new Map<number, string>();
  readonly base: Link;
  link: Link;
  records = 0;
  fault: { readonly seq: number; readonly reason: string } | undefined;
  /** The acts whose ends the check has not reached. The codes protect the entries, but not the index by which an end is shown with its act. */
  readonly #ends = new Map<number, number>();
  readonly #key: Uint8Array;
  readonly #anchored: ReadonlySet<number>;
  #isBaseSaid: boolean;

  constructor(key: Uint8Array, base: Link, anchored: ReadonlySet<number>) {
    this.#key = key;
    this.#anchored = anchored;
    this.base = base;
    this.link = base;
    this.#isBaseSaid = base.seq === 0;
    this.codes.set(base.seq, hex(base.mac));
  }

  willEnd({ act, seq }: { readonly act: number; readonly seq: number }): void {
    if (this.#ends.has(act)) this.fail(act, "the record is shown with two ends");
    this.#ends.set(act, seq);
  }

  take(entry: Entry): void {
    const expected = this.link.seq + 1;
    if (entry.seq !== expected || hex(entryMac(this.#key, this.link, entry)) !== hex(entry.mac)) {
      const isMissing = entry.seq !== expected;
      this.fail(expected, isMissing ? "the record is missing" : "the record, or the one before it, was changed");
      return;
    }
    if (entry.kind === "pruned" && entry.act === this.base.seq && entry.paramsDigest === hex(this.base.mac))
      this.#isBaseSaid = true;
    if (entry.kind === "end" && entry.act !== null && entry.act > this.base.seq) {
      if (this.#ends.get(entry.act) !== entry.seq)
        this.fail(entry.act, "the record is shown with another end than it had");
      this.#ends.delete(entry.act);
    }
    this.link = entry;
    if (this.#anchored.has(entry.seq)) this.codes.set(entry.seq, hex(entry.mac));
    this.records += 1;
  }

  finish(): void {
    const [open] = this.#ends.keys();
    if (this.fault === undefined && open !== undefined)
      this.fail(open, "the record is shown with an end that it has not");
    if (this.fault === undefined && !this.#isBaseSaid)
      this.fail(this.base.seq + 1, "the records before it were taken out, and not by the retention");
  }

  fail(seq: number, reason: string): void {
    this.fault = { seq, reason };
  }
}

function checkAnchors(chain: ChainCheck, { found, changedIn }: Anchors): number {
  let agreeing = 0;
  for (const { seq, code: expected, sink } of found) {
    // The entries before the base were removed with their codes.
    if (seq < chain.base.seq) continue;
    const code = chain.codes.get(seq);
    if (code !== expected) {
      const what = code === undefined ? "the chain ends before an anchor: it was cut off" : "the chain is another one";
      chain.fail(code === undefined ? chain.link.seq + 1 : seq, `${what} (${sink})`);
      return agreeing;
    }
    agreeing += 1;
  }
  if (changedIn !== undefined) chain.fail(chain.base.seq + 1, `an anchor in ${changedIn} was changed`);
  return agreeing;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
