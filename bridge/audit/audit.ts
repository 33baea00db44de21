import { createHmac } from "node:crypto";
import { BridgeError, canonicalJson } from "@armorclaw/protocol";
import type { Service } from "../lifecycle/index.ts";
import type { Logger } from "../logging/index.ts";
import { type Clock, type Timer, timestamp } from "../platform/clock.ts";
import type { Store } from "../store/index.ts";
import { type AnchorSink, anchorLine } from "./anchors.ts";
import { Refusals, type Refused } from "./refusals.ts";
import { type AuditStanding, compareWithAnchors } from "./standing.ts";
import {
  type Act,
  actsAfter,
  append,
  type EntryFields,
  firstLink,
  headLink,
  type Link,
  newestActs,
  prune,
} from "./store.ts";
import { type Verdict, verifyChain } from "./verify.ts";

/** An anchor is written after this many entries, or this long after the first that has none. */
const entriesPerAnchor = 64;
const anchorAfterMs = 60_000;
/** How far the number of entries may exceed the bound, so that not each new entry removes an old one. */
const pruneSlack = (entriesMax: number) => Math.min(entriesMax / 10, 2_000);
const pageSize = 500;

export interface PrivilegedAct {
  readonly principal: string;
  readonly method: string;
  readonly params: unknown;
  readonly correlationId: string;
}

export interface AuditDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly sinks: readonly AnchorSink[];
  /** The bound on the entries that are kept. */
  readonly entriesMax: number;
}

/** The audit record: who did what. It is append-only and chained, and an act is recorded before it is answered. */
export class Audit implements Service {
  readonly name = "audit";
  readonly #deps: AuditDeps;
  #key: Buffer | undefined;
  #anchored: Link = firstLink;
  #timer: Timer | undefined;
  #isStopped = false;
  #standing: AuditStanding = {
    isWhole: true,
    message: "The keystore is locked, so that the audit record was not looked at",
  };
  readonly #refusals: Refusals;
  /** The records of refused calls that are being written. Only `stop` waits for them. */
  readonly #writing = new Set<Promise<void>>();

  constructor(deps: AuditDeps) {
    this.#deps = deps;
    const { clock, logger } = deps;
    this.#refusals = new Refusals(
      clock,
      (refused) => this.#writeRefused(refused),
      (calls) => logger.error({ calls }, "Refused calls are missing from the audit record"),
    );
  }

  async start(): Promise<void> {
    this.#anchored = this.#deps.store.read(headLink);
  }

  /** Writes the outstanding records of refused calls, and anchors the end of the chain. */
  async stop(): Promise<void> {
    this.#refusals.close();
    await Promise.all(this.#writing);
    this.#isStopped = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#key !== undefined) this.#anchor();
  }

  /** Takes the key of the chain from the unlocked keystore. The bridge keeps it until it ends. */
  useKey(key: Buffer): void {
    if (this.#key === undefined) this.#standing = this.#compare(key);
    this.#key = key;
  }

  /** Whether the record was the one that its anchors know, when its key became available. */
  get standing(): AuditStanding {
    return this.#standing;
  }

  #compare(key: Buffer): AuditStanding {
    const { store, sinks, logger } = this.#deps;
    try {
      const standing = compareWithAnchors(store, key, sinks);
      if (!standing.isWhole) logger.error({}, standing.message);
      return standing;
    } catch (error) {
      logger.error({ error }, "The audit anchors could not be read");
      return { isWhole: false, message: "The audit anchors could not be read" };
    }
  }

  get isReady(): boolean {
    return this.#key !== undefined;
  }

  /**
   * Runs a privileged act. Its beginning is durable before it runs, and its end before it is answered.
   * @throws BridgeError AUDIT_UNAVAILABLE when the act did not run, or its result could not be recorded
   */
  async record<T>(act: PrivilegedAct, run: () => T | Promise<T>): Promise<T> {
    const begun = await this.#begin(act);
    return await this.#finish(act, begun, run);
  }

  /** Records the one act that makes the key available. It runs before it is recorded, so that only its success can be. */
  async recordAfter<T>(act: PrivilegedAct, run: () => T | Promise<T>): Promise<T> {
    const value = await run();
    const begun = await this.#begin(act);
    return await this.#finish(act, begun, () => value);
  }

  /** Counts a call that was refused for want of rights. Its answer does not wait for the record, since nothing was done. */
  refused(principal: string, method: string, correlationId: string): void {
    this.#refusals.count(principal, method, correlationId);
  }

  newest(limit: number): Act[] {
    return this.#deps.store.read((sql) => newestActs(sql, limit));
  }

  after(seq: number, limit = pageSize): Act[] {
    return this.#deps.store.read((sql) => actsAfter(sql, seq, limit));
  }

  /** @throws BridgeError KEYSTORE_LOCKED */
  async verify(): Promise<Verdict> {
    if (this.#key === undefined)
      throw new BridgeError("KEYSTORE_LOCKED", "The audit record's key is in the keystore, which is locked");
    return await verifyChain(this.#deps.store, this.#key, this.#deps.sinks);
  }

  async #begin(act: PrivilegedAct): Promise<Link> {
    return await this.#append(act, { kind: "act", act: null, result: "" });
  }

  async #finish<T>(act: PrivilegedAct, begun: Link, run: () => T | Promise<T>): Promise<T> {
    const end = (result: string) => this.#append(act, { kind: "end", act: begun.seq, result });
    let value: T;
    try {
      value = await run();
    } catch (error) {
      await end(error instanceof BridgeError ? error.code : "INTERNAL");
      throw error;
    }
    await end("ok");
    return value;
  }

  #writeRefused({ principal, method, correlationId, calls }: Refused): boolean {
    if (this.#key === undefined) return false;
    const act = { principal, method, params: {}, correlationId };
    const written = this.#append(act, { kind: "refused", act: calls, result: "FORBIDDEN" })
      .catch((error: unknown) =>
        this.#deps.logger.error({ error, principal, method, calls }, "Refused calls could not be recorded"),
      )
      .then(() => void this.#writing.delete(written));
    this.#writing.add(written);
    return true;
  }

  async #append(act: PrivilegedAct, kind: Pick<EntryFields, "kind" | "act" | "result">): Promise<Link> {
    const key = this.#key;
    if (key === undefined) throw unavailable("the keystore is locked", undefined);
    const isEnd = kind.kind === "end";
    const fields = {
      ...kind,
      time: this.#deps.clock.now(),
      principal: isEnd ? "" : act.principal,
      method: isEnd ? "" : act.method,
      paramsDigest: isEnd ? "" : createHmac("sha256", key).update(canonicalJson(act.params)).digest("hex"),
      correlationId: isEnd ? "" : act.correlationId,
      subject: isEnd ? null : subjectOf(act.params),
    };
    try {
      const link = await this.#deps.store.write((sql) => {
        const link = append(sql, key, fields);
        this.#retain(sql, key, link);
        return link;
      });
      this.#anchorSoon(link);
      return link;
    } catch (error) {
      throw unavailable(error instanceof Error ? error.message : String(error), error);
    }
  }

  #retain(sql: Parameters<typeof append>[0], key: Buffer, { seq }: Link): void {
    const { entriesMax, clock } = this.#deps;
    // The check is made only now and then. The numbers are consecutive, so that their difference is the count.
    if (seq % entriesPerAnchor !== 0) return;
    const first = Number(sql.get("SELECT min(seq) AS first FROM audit_entries")?.["first"] ?? seq);
    if (seq - first > entriesMax + pruneSlack(entriesMax)) prune(sql, key, seq - entriesMax, clock.now());
  }

  #anchorSoon(link: Link): void {
    // The next start anchors what is written during the stop.
    if (this.#isStopped) return;
    if (link.seq - this.#anchored.seq >= entriesPerAnchor) this.#anchor();
    else this.#timer ??= this.#deps.clock.after(anchorAfterMs, () => this.#anchorNow());
  }

  /** Anchors for the timer, which has no caller: a failure is logged, and the next entry tries again. */
  #anchorNow(): void {
    this.#timer = undefined;
    try {
      this.#anchor();
    } catch (error) {
      this.#deps.logger.error({ error }, "An audit anchor could not be made");
    }
  }

  /** Anchors the end of the chain. A sink that cannot be written is logged; the chain itself is intact. */
  #anchor(): void {
    const { store, sinks, clock, logger } = this.#deps;
    this.#timer?.cancel();
    this.#timer = undefined;
    const head = store.read(headLink);
    if (this.#key === undefined || head.seq === this.#anchored.seq) return;
    const line = anchorLine(this.#key, head, timestamp(clock));
    this.#anchored = head;
    for (const sink of sinks) {
      try {
        sink.write(line);
      } catch (error) {
        logger.error({ error, sink: sink.name }, "An audit anchor could not be written");
      }
    }
  }
}

/** An act's subject is the first of these params that it has. */
const subjectFields = [
  "id",
  "key_id",
  "approval_id",
  "agent_id",
  "agent_type",
  "principal",
  "loop",
  "name",
  "url",
  "path",
  "channel",
];
const subjectLengthMax = 200;

function subjectOf(params: unknown): string | null {
  if (typeof params !== "object" || params === null) return null;
  const fields = params as Readonly<Record<string, unknown>>;
  const found = subjectFields.map((field) => fields[field]).find((value) => typeof value === "string");
  if (typeof found !== "string") return null;
  // The query of a URL may hold secrets.
  return (found.split("?")[0] ?? "").slice(0, subjectLengthMax);
}

const unavailable = (why: string, cause: unknown) =>
  new BridgeError("AUDIT_UNAVAILABLE", `The act cannot be recorded: ${why}`, undefined, { cause });
