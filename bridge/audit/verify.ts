import { setImmediate as nextTurn } from "node:timers/promises";
import type { Store } from "../store/index.ts";
import { type AnchorSink, parseAnchor } from "./anchors.ts";
import { baseLink, type Entry, endsByIndex, entriesAfter, entryMac, headLink, type Link } from "./store.ts";

export interface Verdict {
  readonly ok: boolean;
  readonly records: number;
  readonly anchors: number;
  readonly firstBad?: number;
  readonly reason?: string;
}

/** How many entries are checked before other work of the bridge runs. */
const entriesPerTurn = 1_000;

/** Checks the chain itself and against the anchors. Entries that are added meanwhile are not checked. */
export async function verifyChain(store: Store, key: Uint8Array, sinks: readonly AnchorSink[]): Promise<Verdict> {
  const chain = new ChainCheck(key, store.read(baseLink));
  const end = store.read(headLink).seq;
  while (chain.link.seq < end && chain.fault === undefined) {
    const entries = store.read((sql) => entriesAfter(sql, chain.link.seq, entriesPerTurn));
    if (entries.length === 0) chain.fail(chain.link.seq + 1, "the record is missing");
    const last = entries.at(-1)?.seq ?? 0;
    for (const shown of store.read((sql) => endsByIndex(sql, chain.link.seq, last, end))) chain.willEnd(shown);
    for (const entry of entries) if (chain.fault === undefined) chain.take(entry);
    await nextTurn();
  }
  chain.finish();
  const anchors = chain.fault === undefined ? checkAnchors(key, chain, sinks) : 0;
  const { fault } = chain;
  return {
    ok: fault === undefined,
    records: chain.records,
    anchors,
    ...(fault === undefined ? {} : { firstBad: fault.seq, reason: fault.reason }),
  };
}

class ChainCheck {
  readonly codes = new Map<number, string>();
  readonly base: Link;
  link: Link;
  records = 0;
  fault: { readonly seq: number; readonly reason: string } | undefined;
  /** The acts whose ends the check has not reached. The codes protect the entries, but not the index by which an end is shown with its act. */
  readonly #ends = new Map<number, number>();
  readonly #key: Uint8Array;
  #isBaseSaid: boolean;

  constructor(key: Uint8Array, base: Link) {
    this.#key = key;
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
    this.codes.set(entry.seq, hex(entry.mac));
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

function checkAnchors(key: Uint8Array, chain: ChainCheck, sinks: readonly AnchorSink[]): number {
  let agreeing = 0;
  for (const sink of sinks) {
    for (const line of sink.read?.() ?? []) {
      const anchor = parseAnchor(key, line);
      if (anchor === undefined) {
        chain.fail(chain.base.seq + 1, `an anchor in ${sink.name} was changed`);
        return agreeing;
      }
      // The entries before the base were removed with their codes.
      if (anchor.seq < chain.base.seq) continue;
      const code = chain.codes.get(anchor.seq);
      if (code !== anchor.code) {
        const what =
          code === undefined ? "the chain ends before an anchor: it was cut off" : "the chain is another one";
        chain.fail(code === undefined ? chain.link.seq + 1 : anchor.seq, `${what} (${sink.name})`);
        return agreeing;
      }
      agreeing += 1;
    }
  }
  return agreeing;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
