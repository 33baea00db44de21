import type { Store } from "../store/index.ts";
import { type AnchorSink, anchorParser } from "./anchors.ts";
import { baseLink, entriesAfter, headLink, type Link } from "./store.ts";

/** Whether the record is the one that the newest anchors were made of. Only `audit.verify` checks all of it. */
export interface AuditStanding {
  readonly isWhole: boolean;
  readonly message: string;
}

/** So many of the newest anchors are looked at: an older store stays noticed while it grows. */
const anchorsMax = 500;

/** Compares the newest anchors of each sink with the record: a store from a backup, or one that was cut off, lacks what they know. */
export function compareWithAnchors(store: Store, key: Uint8Array, sinks: readonly AnchorSink[]): AuditStanding {
  const parse = anchorParser(key);
  const base = store.read(baseLink);
  const head = store.read(headLink);
  for (const { name, read } of sinks) {
    for (const line of read?.().slice(-anchorsMax) ?? []) {
      const anchor = parse(line);
      if (anchor === undefined) return broken(`An anchor in ${name} was changed`);
      // The entries before the base were removed with their codes.
      if (anchor.seq < base.seq || codeOf(store, base, anchor.seq) === anchor.code) continue;
      return broken(
        head.seq < anchor.seq
          ? `The audit record ends at ${head.seq}, and ${name} knows ${anchor.seq}: the store is an older one, or was cut off`
          : `The audit record is another one than ${name} knows at ${anchor.seq}: the store is an older one, or was changed`,
      );
    }
  }
  return { isWhole: true, message: "The audit record agrees with its newest anchors" };
}

function codeOf(store: Store, base: Link, seq: number): string | undefined {
  const entry = seq === base.seq ? base : store.read((sql) => entriesAfter(sql, seq - 1, 1))[0];
  return entry?.seq === seq ? Buffer.from(entry.mac).toString("hex") : undefined;
}

const broken = (message: string): AuditStanding => ({ isWhole: false, message });
