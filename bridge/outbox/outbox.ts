import { randomUUID } from "node:crypto";
import { BridgeError } from "@armorclaw/protocol";
import { contractEvent, type DurableEventLog } from "../events/index.ts";
import type { Service } from "../lifecycle/index.ts";
import type { Logger } from "../logging/index.ts";
import type { Timer } from "../platform/clock.ts";
import { type BackOff, backOff } from "../platform/retry.ts";
import type { Sql, Store } from "../store/index.ts";
import { DeliveryError, type Destination, type OutboundMessage } from "./destination.ts";
import {
  countQueued,
  dueLanes,
  findMessage,
  findSent,
  head,
  insertMessage,
  keepNewestDead,
  listMessages,
  type MessageState,
  markDead,
  markFailed,
  markSent,
  type OutboxRow,
  queuedOf,
  readLane,
  remove,
  removeDeadBefore,
  removeSentBefore,
  requeue,
  waitingOf,
} from "./store.ts";

/** The most messages that may wait for one destination. */
const queuedMax = 10_000;
/** What of one principal may wait, in all destinations. What principals queue leaves room for the bridge's own messages. */
const shareMax = { messages: 1_000, bytes: 16 * 1024 * 1024 };
const ofPrincipalsMax = 8_000;
/** Dead messages that are kept: of one principal so many, of anybody so long. */
const deadOfShareMax = 1_000;
const keepDeadMs = 30 * 86_400_000;
/** Lanes that are sent from at once. */
const activeMax = 32;
const sendDeadlineMs = 60_000;
/** The longest wait that a destination may ask for. */
const waitMsMax = 3_600_000;
/** A message is given up when it could not be delivered for this long. */
const giveUpAfterMs = 3 * 86_400_000;
/** A message that waits for longer is reported as late. */
const lateAfterMs = 5 * 60_000;
/** How long a sent message keeps its dedupe key. */
const keepSentMs = 7 * 86_400_000;
const tidyEveryMs = 3_600_000;

export interface OutboxDeps {
  readonly log: DurableEventLog;
  readonly store: Store;
  readonly logger: Logger;
  readonly random: () => number;
}

/**
 * Sends all messages that leave the bridge. A message is queued in the transaction of its cause, sent in the order of its lane and
 * retried until it is delivered or given up. Each outcome is published as an event.
 */
export class Outbox implements Service {
  readonly name = "outbox";
  readonly #deps: OutboxDeps;
  readonly #destinations = new Map<string, Destination>();
  readonly #active = new Map<string, Promise<void>>();
  /** Until when each destination asked for a pause. */
  readonly #heldUntil = new Map<string, number>();
  /** How often each destination became reachable again. A send that failed meanwhile is retried without a wait. */
  readonly #returns = new Map<string, number>();
  readonly #backOff: BackOff;
  readonly #stopping = new AbortController();
  #isScheduled = false;
  #wake: Timer | undefined;
  #tidy: Timer | undefined;

  constructor(deps: OutboxDeps, destinations: readonly Destination[] = []) {
    this.#deps = deps;
    this.#backOff = backOff({ firstMs: 500, maxMs: 60_000, jitter: 0.25, random: deps.random });
    for (const destination of destinations) this.register(destination);
  }

  /** Adds a destination. Call it before `start`. */
  register(destination: Destination): void {
    this.#destinations.set(destination.name, destination);
  }

  async start(): Promise<void> {
    const { clock } = this.#deps.log;
    this.#tidy = clock.every(tidyEveryMs, () => {
      this.#deps.store
        .write((sql) => {
          removeSentBefore(sql, clock.now() - keepSentMs);
          removeDeadBefore(sql, clock.now() - keepDeadMs);
        })
        .catch((error: unknown) => this.#deps.logger.warn({ error }, "old messages were not removed"));
    });
    this.kick();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake?.cancel();
    this.#tidy?.cancel();
    await Promise.all(this.#active.values());
  }

  /**
   * Queues a message in the caller's transaction. It is sent if and only if that is committed. Call `kick` after the commit.
   * @returns its id, or undefined when a message with its key was queued before
   * @throws BridgeError OUTBOX_FULL
   */
  queue(sql: Sql, message: OutboundMessage): number | undefined {
    const { destination, share } = message;
    const most = share === undefined ? queuedMax : ofPrincipalsMax;
    if (countQueued(sql, destination) >= most)
      throw new BridgeError("OUTBOX_FULL", `${most} messages wait for ${destination}`);
    if (share !== undefined) {
      const { messages, bytes } = queuedOf(sql, share);
      if (messages >= shareMax.messages || bytes >= shareMax.bytes)
        throw new BridgeError("OUTBOX_FULL", `${messages} messages of ${share} wait, with ${bytes} bytes`);
      keepNewestDead(sql, share, deadOfShareMax);
    }
    return insertMessage(sql, message, randomUUID(), this.#deps.log.clock.now());
  }

  /** The message with this key, while the outbox keeps it. */
  find(sql: Sql, destination: string, dedupeKey: string): OutboxRow | undefined {
    return findMessage(sql, destination, dedupeKey);
  }

  /** The message with this receipt of the destination, while the outbox keeps it. */
  findByReceipt(sql: Sql, destination: string, receipt: string): OutboxRow | undefined {
    return findSent(sql, destination, receipt);
  }

  /** Whether the lane can be reached, by what became of its oldest message that waits. */
  laneState(sql: Sql, destination: string, lane: string): "open" | "late" | "blocked" {
    const { isLate, isBlocked } = readLane(sql, destination, lane);
    return isBlocked ? "blocked" : isLate ? "late" : "open";
  }

  /** The messages that wait for the lane, the oldest first. */
  waiting(sql: Sql, destination: string, lane: string, limit: number): OutboxRow[] {
    return waitingOf(sql, destination, lane, limit);
  }

  /** Sends the messages that are due. Called after queueing and when a destination becomes reachable. */
  kick(): void {
    if (this.#isScheduled || this.#stopping.signal.aborted) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#fill();
    });
  }

  /** The destination is reachable again: its messages are retried now, unless it asked for a pause. */
  reachable(destination: string): void {
    const now = this.#deps.log.clock.now();
    this.#returns.set(destination, (this.#returns.get(destination) ?? 0) + 1);
    this.#deps.store
      .write((sql) =>
        sql.run("UPDATE outbox SET next_at_ms = ? WHERE destination = ? AND state = 'queued'", now, destination),
      )
      .then(
        () => this.kick(),
        (error: unknown) => this.#deps.logger.warn({ error }, "waiting messages could not be made due"),
      );
  }

  list(state: MessageState | undefined, afterId: number, limit: number): OutboxRow[] {
    return this.#deps.store.read((sql) => listMessages(sql, state, afterId, limit));
  }

  /** @throws BridgeError QUEUE_MESSAGE_NOT_FOUND */
  async retry(id: number): Promise<void> {
    if (!(await this.#deps.store.write((sql) => requeue(sql, id, this.#deps.log.clock.now())))) throw notFound(id);
    this.kick();
  }

  /** @throws BridgeError QUEUE_MESSAGE_NOT_FOUND */
  async drop(id: number): Promise<void> {
    if (!(await this.#deps.store.write((sql) => remove(sql, id)))) throw notFound(id);
    this.kick();
  }

  /** Starts on the lanes that are due, and sets the timer for the next one. */
  #fill(): void {
    if (this.#stopping.signal.aborted) return;
    const { log, store } = this.#deps;
    const now = log.clock.now();
    let next = Number.POSITIVE_INFINITY;
    for (const { destination, lane, nextAtMs } of store.read(dueLanes)) {
      const at = Math.max(nextAtMs, this.#heldUntil.get(destination) ?? 0);
      const key = JSON.stringify([destination, lane]);
      if (this.#active.has(key) || !this.#destinations.has(destination)) continue;
      if (at > now) next = Math.min(next, at);
      else if (this.#active.size < activeMax) this.#active.set(key, this.#work(destination, lane, key));
    }
    this.#wake?.cancel();
    if (next !== Number.POSITIVE_INFINITY) this.#wake = log.clock.after(next - now, () => this.#fill());
  }

  /** Sends a lane's messages until none is due. */
  async #work(destination: string, lane: string, key: string): Promise<void> {
    const { log, store, logger } = this.#deps;
    try {
      // The lane must be in `#active` before this ends.
      await Promise.resolve();
      while (!this.#stopping.signal.aborted) {
        const message = store.read((sql) => head(sql, destination, lane));
        const held = this.#heldUntil.get(destination) ?? 0;
        if (message === undefined || Math.max(message.nextAtMs, held) > log.clock.now()) return;
        await this.#deliver(message);
      }
    } catch (error) {
      logger.error({ error, destination }, "a delivery could not be recorded");
      this.#heldUntil.set(destination, log.clock.now() + 1_000);
    } finally {
      this.#active.delete(key);
      this.kick();
    }
  }

  async #deliver(message: OutboxRow): Promise<void> {
    const { log } = this.#deps;
    const { id, destination, lane, transactionId } = message;
    const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(sendDeadlineMs)]);
    const returns = this.#returns.get(destination);
    let receipt: string | undefined;
    try {
      receipt = await this.#destinations.get(destination)?.send(message, transactionId, signal);
    } catch (error) {
      if (!this.#stopping.signal.aborted)
        await this.#onFailure(message, error, this.#returns.get(destination) !== returns);
      return;
    }
    await log.transact((sql, emit) => {
      if (!markSent(sql, id, receipt, log.clock.now())) return;
      const data = { message_id: id, destination, lane, attempts: message.attempts + 1, receipt: receipt ?? null };
      emit(contractEvent("queue.sent", "bridge", data));
    });
  }

  async #onFailure(message: OutboxRow, error: unknown, isBack: boolean): Promise<void> {
    const { log, logger } = this.#deps;
    const { id, destination, lane, createdAtMs } = message;
    const now = log.clock.now();
    const known = error instanceof DeliveryError ? error : undefined;
    const made = known?.kind === "deferred" ? 0 : 1;
    const attempts = message.attempts + made;
    const reason = (error instanceof Error ? error.message : String(error)).slice(0, 500);
    const ownWaitMs = isBack ? 0 : this.#backOff(Math.max(1, attempts));
    const waitMs = Math.ceil(Math.min(known?.retryAfterMs ?? ownWaitMs, waitMsMax));
    if (known?.kind === "held") this.#heldUntil.set(destination, now + waitMs);
    logger.warn({ destination, lane, message_id: id, attempts, reason }, "a message was not delivered");
    const data = { message_id: id, destination, lane, attempts, reason };
    await log.transact((sql, emit) => {
      if (known?.kind === "permanent" || now - createdAtMs >= giveUpAfterMs) {
        if (!markDead(sql, id, { error: reason, made }, now)) return;
        emit({
          channel: `queue.${destination}.dead`,
          type: "queue.dead",
          source: "bridge",
          priority: "critical",
          data,
        });
        return;
      }
      const isBlocked = known?.kind === "blocked";
      const isLate = isBlocked || now - createdAtMs >= lateAfterMs;
      markFailed(sql, id, { error: reason, made }, now + waitMs, { isLate, isBlocked });
      if (isLate && !message.isLate) emit(contractEvent("queue.late", "bridge", data));
    });
  }
}

const notFound = (id: number) =>
  new BridgeError("QUEUE_MESSAGE_NOT_FOUND", `There is no waiting or given-up message with the id ${id}`);
