import { randomBytes } from "node:crypto";
import { BridgeError } from "@armorclaw/protocol";
import type { Service } from "../lifecycle/index.ts";
import type { Logger } from "../logging/index.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import { backOff } from "../platform/retry.ts";
import type { Sql, Store } from "../store/index.ts";
import {
  type Approval,
  decide,
  denialsOf,
  expire,
  findApproval,
  forgetOld,
  insertApproval,
  listApprovals,
  newestOf,
  nextExpiry,
  pendingBytesOf,
  pendingOf,
  type Question,
  questionDigest,
  use,
} from "./store.ts";

/** A timer's longest wait; what is due later is looked at again then. */
const longestWaitMs = 3_600_000;
/** Settled questions of one requester that can be looked up. */
const settledKept = 1_000;
/** The most bytes of a requester's open questions together: a body of http.request may be large. */
const pendingBytesMax = 32 * 1024 * 1024;
/** After a person's no the same agent asks no other question of that method for this long, longer with each no in a row. */
const denialPauseMs = backOff({ firstMs: 1_000, maxMs: 3_600_000, jitter: 0 });
const denialsCountMs = 86_400_000;

export interface ApprovalSettings {
  /** Time for an answer, and after a yes for its use. */
  readonly ttlMs: number;
  readonly pendingMax: number;
}

export interface ApprovalDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onRequested: (approval: Approval) => void;
  /** Told once how each ends: approved, denied or expired. */
  readonly onDecided: (approval: Approval) => void;
}

/**
 * Runs in the transaction of a yes: both or neither.
 * @param by who approved
 * @returns what is called after the commit
 */
export type ApprovalEffect = (sql: Sql, approval: Approval, by: string) => () => void;

export interface Answer {
  readonly id: string;
  readonly by: string;
  /** What the person saw. */
  readonly digest?: string | undefined;
  readonly note?: string | undefined;
}

/** Asking again and again would wear people down until one of them says yes. @throws BridgeError APPROVAL_LIMIT */
function assertNoPause(sql: Sql, { requester, method }: Question, now: number): void {
  const denials = denialsOf(sql, requester, method, now - denialsCountMs);
  const [last] = denials;
  if (last === undefined) return;
  const waitMs = last + denialPauseMs(denials.length) - now;
  if (waitMs <= 0) return;
  throw new BridgeError(
    "APPROVAL_LIMIT",
    `People said no to ${denials.length} questions of ${requester} about ${method}: the next may be asked in ${Math.ceil(waitMs / 1_000)} s`,
    { retry_after_ms: waitMs },
  );
}

/** Durable questions to people. Each has one answer, and each yes is used once, for exactly what was asked. */
export class Approvals implements Service {
  readonly name = "approvals";
  readonly #deps: ApprovalDeps;
  readonly #settings: ApprovalSettings;
  readonly #effects = new Map<string, ApprovalEffect>();
  #armed: { readonly at: number; readonly timer: Timer } | undefined;
  #isStopped = false;

  constructor(deps: ApprovalDeps, settings: ApprovalSettings) {
    this.#deps = deps;
    this.#settings = settings;
  }

  /** What a yes to a request for this method does at once. */
  onApproved(method: string, effect: ApprovalEffect): void {
    this.#effects.set(method, effect);
  }

  async start(): Promise<void> {
    await this.#sweep();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#armed?.timer.cancel();
    this.#armed = undefined;
  }

  /** Asks, or returns the state of the same question. @throws BridgeError APPROVAL_LIMIT */
  async request(question: Question, reason?: string, answerers: readonly string[] = []): Promise<Approval> {
    const { store, clock } = this.#deps;
    const digest = questionDigest(question);
    const now = clock.now();
    const { approval, isNew } = await store.write((sql) => {
      const known = newestOf(sql, digest);
      if (known !== undefined && known.status !== "used" && known.expiresAt > now)
        return { approval: known, isNew: false };
      const { pendingMax, ttlMs } = this.#settings;
      if (pendingOf(sql, question.requester) >= pendingMax)
        throw new BridgeError(
          "APPROVAL_LIMIT",
          `${question.requester} has ${pendingMax} open questions, which is the most`,
        );
      if (pendingBytesOf(sql, question.requester) + question.request.length > pendingBytesMax)
        throw new BridgeError(
          "APPROVAL_LIMIT",
          `The open questions of ${question.requester} would take more than ${pendingBytesMax} bytes, which is the most`,
        );
      assertNoPause(sql, question, now);
      const approval = this.#draft({ ...question, digest }, reason ?? null, answerers, now, now + ttlMs);
      insertApproval(sql, approval);
      forgetOld(sql, question.requester, settledKept);
      return { approval, isNew: true };
    });
    if (isNew) {
      this.#deps.onRequested(approval);
      this.#arm(approval.expiresAt);
    }
    return approval;
  }

  /**
   * Lets exactly this through once, when a person has allowed it.
   * @throws BridgeError APPROVAL_PENDING, APPROVAL_DENIED
   */
  async demand(question: Question, answerers: readonly string[] = []): Promise<void> {
    const approval = await this.request(question, undefined, answerers);
    const details = {
      approval_id: approval.id,
      status: approval.status,
      expires_at: new Date(approval.expiresAt).toISOString(),
    };
    if (approval.status === "pending_approval")
      throw new BridgeError("APPROVAL_PENDING", `${question.method} waits for a person: ${approval.id}`, details);
    // What was allowed is what stands in the record, and that is what is asked now.
    const isSame = questionDigest(approval) === questionDigest(question) && approval.request === question.request;
    const now = this.#deps.clock.now();
    const isAllowed =
      approval.status === "approved" &&
      isSame &&
      (await this.#deps.store.write((sql) => use(sql, approval.id, questionDigest(question), now)));
    if (!isAllowed)
      throw new BridgeError("APPROVAL_DENIED", `${question.method} was not allowed (${approval.status})`, details);
  }

  /**
   * The first answer counts, whatever surface it came by.
   * @throws BridgeError APPROVAL_NOT_FOUND, APPROVAL_SETTLED, APPROVAL_MISMATCH, FORBIDDEN
   */
  async answer(status: "approved" | "denied", { id, by, digest, note }: Answer): Promise<Approval> {
    const { store, clock } = this.#deps;
    const { approval, onCommitted } = await store.write((sql) => {
      const now = clock.now();
      const asked = findApproval(sql, id);
      if (asked === undefined)
        throw new BridgeError("APPROVAL_NOT_FOUND", `No approval is called ${id}`, { approval_id: id });
      if ((digest !== undefined && digest !== asked.digest) || questionDigest(asked) !== asked.digest)
        throw new BridgeError("APPROVAL_MISMATCH");
      if (asked.answerers.length > 0 && !asked.answerers.includes(by))
        throw new BridgeError("FORBIDDEN", `${id} is for ${asked.answerers.join(", ")} to answer`);
      const expiresAt = status === "approved" ? now + this.#settings.ttlMs : asked.expiresAt;
      if (!decide(sql, id, { status, by, note: note ?? null, now, expiresAt }))
        throw new BridgeError(
          "APPROVAL_SETTLED",
          `${id} is ${asked.status === "pending_approval" ? "expired" : asked.status}`,
          {
            approval_id: id,
            decided_by: asked.decidedBy,
          },
        );
      const effect = status === "approved" ? this.#effects.get(asked.method) : undefined;
      const onCommitted = effect?.(sql, asked, by);
      if (effect !== undefined) use(sql, id, asked.digest, now);
      return { approval: this.#found(sql, id), onCommitted };
    });
    this.#deps.onDecided(approval);
    onCommitted?.();
    return approval;
  }

  /** @throws BridgeError APPROVAL_NOT_FOUND */
  get(id: string): Approval {
    return this.#asOfNow(this.#deps.store.read((sql) => this.#found(sql, id)));
  }

  list(includeSettled: boolean, limit = 200): Approval[] {
    const found = this.#deps.store.read((sql) => listApprovals(sql, !includeSettled, limit));
    return found
      .map((one) => this.#asOfNow(one))
      .filter(({ status }) => includeSettled || status === "pending_approval");
  }

  #found(sql: Sql, id: string): Approval {
    const approval = findApproval(sql, id);
    if (approval === undefined)
      throw new BridgeError("APPROVAL_NOT_FOUND", `No approval is called ${id}`, { approval_id: id });
    return approval;
  }

  #asOfNow(approval: Approval): Approval {
    const isOver = approval.expiresAt <= this.#deps.clock.now();
    const isOpen = approval.status === "pending_approval" || approval.status === "approved";
    return isOver && isOpen ? { ...approval, status: "expired" } : approval;
  }

  #draft(
    question: Question & { readonly digest: string },
    reason: string | null,
    answerers: readonly string[],
    createdAt: number,
    expiresAt: number,
  ): Approval {
    const undecided = { decidedAt: null, decidedBy: null, note: null };
    const id = `ap_${randomBytes(8).toString("hex")}`;
    return { id, status: "pending_approval", ...question, reason, answerers, createdAt, expiresAt, ...undecided };
  }

  /** By the timer, where nobody waits for it. */
  #sweepNow(): void {
    const { logger } = this.#deps;
    this.#sweep().catch((error: unknown) => logger.warn({ error }, "The next expiry could not be read"));
  }

  async #sweep(): Promise<void> {
    const { store, clock, logger, onDecided } = this.#deps;
    try {
      const ended = await store.write((sql) => expire(sql, clock.now()));
      for (const approval of ended) onDecided(approval);
    } catch (error) {
      // Nothing hangs on it: what is over is refused by its time, whatever its record says.
      logger.warn({ error }, "Expired approvals could not be marked");
    }
    this.#armed = undefined;
    if (this.#isStopped) return;
    const next = store.read(nextExpiry);
    if (next !== undefined) this.#arm(next);
  }

  /** Sweeps at `at`, unless it does so sooner. */
  #arm(at: number): void {
    if (this.#isStopped || (this.#armed !== undefined && this.#armed.at <= at)) return;
    this.#armed?.timer.cancel();
    const waitMs = Math.min(Math.max(at - this.#deps.clock.now(), 50), longestWaitMs);
    this.#armed = { at, timer: this.#deps.clock.after(waitMs, () => this.#sweepNow()) };
  }
}
