import type { Sql } from "../store/index.ts";
import { compilePatterns } from "./match/pattern.ts";
import type { EventSelector } from "./match/selector.ts";
import { nextKind, seqsOfKind } from "./store.ts";

/** A channel and a type that the log has events of. */
export interface Kind {
  readonly channel: string;
  readonly type: string;
}

/** More kinds are not looked through: a selector that may match more of them than this is not rare. */
const visitedMax = 4_000;
const matchedMax = 256;
/** How many numbers are read ahead for each kind. */
const readAhead = 64;

/**
 * Yields after every so many kinds that it looked at, and returns the kinds that the selector may match; undefined when there are too
 * many of them, so that the log is better read in order.
 */
export function* matchingKinds(
  read: <T>(work: (sql: Sql) => T) => T,
  { channels, types }: EventSelector,
): Generator<void, readonly Kind[] | undefined> {
  const found = new Map<string, Kind>();
  const isWanted = types === undefined ? () => true : (type: string) => types.includes(type);
  let visited = 0;
  for (const pattern of channels) {
    const inChannel = compilePatterns([pattern]);
    const prefix = pattern.split(/[*>]/, 1)[0] ?? "";
    const isOver =
      prefix === pattern
        ? ({ channel }: Kind) => channel !== pattern
        : ({ channel }: Kind) => !channel.startsWith(prefix);
    let kind = read((sql) => nextKind(sql, { channel: prefix, type: "" }));
    while (kind !== undefined && !isOver(kind)) {
      if (inChannel(kind.channel) && isWanted(kind.type)) found.set(`${kind.channel} ${kind.type}`, kind);
      visited += 1;
      if (visited > visitedMax || found.size > matchedMax) return undefined;
      if (visited % 250 === 0) yield;
      const last = kind;
      kind = read((sql) => nextKind(sql, last));
    }
  }
  return [...found.values()];
}

interface Head {
  readonly kind: Kind;
  seqs: number[];
  isEnd: boolean;
}

/** The numbers of the events of these kinds in one order, without a look at any other event. */
export class KindMerge {
  readonly #read: <T>(work: (sql: Sql) => T) => T;
  readonly #isNewestFirst: boolean;
  readonly #heads: Head[];

  /** @param from the first number that is left out: those after it follow, or those before it when the newest come first */
  constructor(
    read: <T>(work: (sql: Sql) => T) => T,
    kinds: readonly Kind[],
    from: number,
    { isNewestFirst }: { readonly isNewestFirst: boolean },
  ) {
    this.#read = read;
    this.#isNewestFirst = isNewestFirst;
    this.#heads = kinds.map((kind) => ({ kind, seqs: [], isEnd: false }));
    for (const head of this.#heads) this.#fill(head, from);
  }

  /** The next numbers; fewer than `limit` only at the end. */
  next(limit: number): number[] {
    const taken: number[] = [];
    while (taken.length < limit) {
      const head = this.#first();
      const seq = head?.seqs.shift();
      if (head === undefined || seq === undefined) break;
      taken.push(seq);
      if (head.seqs.length === 0 && !head.isEnd) this.#fill(head, seq);
    }
    return taken;
  }

  #first(): Head | undefined {
    let first: Head | undefined;
    for (const head of this.#heads) {
      const seq = head.seqs[0];
      if (seq === undefined) continue;
      const best = first?.seqs[0];
      if (best === undefined || (this.#isNewestFirst ? seq > best : seq < best)) first = head;
    }
    return first;
  }

  #fill(head: Head, from: number): void {
    head.seqs = this.#read((sql) => seqsOfKind(sql, head.kind, from, this.#isNewestFirst, readAhead));
    head.isEnd = head.seqs.length < readAhead;
  }
}
