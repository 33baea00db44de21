import type { EventEnvelope, Result } from "@armorclaw/protocol";
import { AsyncQueue } from "./async-queue.ts";
import type { Calls } from "./calls.ts";
import { ConnectionError } from "./types/errors.ts";
import type { EventSubscription, SubscribeOptions, SubscribeParams } from "./types/options.ts";

const queueMaxDefault = 10_000;
/** Events kept while the answer that names their subscription is still on its way. */
const earlyMax = 10_000;

interface Live {
  readonly params: SubscribeParams;
  readonly options: SubscribeOptions;
  readonly queue: AsyncQueue<EventEnvelope>;
  readonly ready: PromiseWithResolvers<void>;
  /** The bridge's id of the subscription on this connection. */
  id: string | undefined;
  /** An `event.subscribe` is queued or in flight. */
  opening: boolean;
  /** All events up to this `seq` were received or skipped on request. */
  cursor: number | undefined;
  /** Events that were received before older ones, because of their priority. */
  readonly ahead: Set<number>;
}

interface Push {
  readonly subscription_id: string;
  readonly event: EventEnvelope;
  /** The position to resume from: the event was sent before older ones. */
  readonly cursor?: number;
}

/** A notice of the bridge about a subscription. */
export interface SubscriptionNotice {
  readonly subscription_id: string;
  readonly reason?: string;
  readonly after?: number;
  readonly resumed_at?: number;
  readonly skipped_low?: number;
}

/** A notification about a subscription whose name is not known yet. */
interface Early {
  readonly subscriptionId: string;
  readonly take: () => void;
}

/** The subscriptions of one client, over all its connections. */
export class Subscriptions {
  readonly #calls: Calls;
  readonly #deadlineMs: number;
  readonly #live = new Set<Live>();
  readonly #byId = new Map<string, Live>();
  #closed: ConnectionError | undefined;
  #early: Early[] = [];

  constructor(calls: Calls, deadlineMs: number) {
    this.#calls = calls;
    this.#deadlineMs = deadlineMs;
  }

  add(params: SubscribeParams, options: SubscribeOptions): EventSubscription {
    const live: Live = {
      params,
      options,
      queue: new AsyncQueue(options.queueMax ?? queueMaxDefault),
      ready: Promise.withResolvers(),
      id: undefined,
      opening: false,
      cursor: params.cursor,
      ahead: new Set(),
    };
    live.ready.promise.catch(() => {});
    const { signal } = options;
    const cancelled = () =>
      new ConnectionError("CANCELLED", "The subscription was cancelled", { cause: signal?.reason });
    const onAbort = () => this.#end(live, cancelled());
    signal?.addEventListener("abort", onAbort, { once: true });
    this.#live.add(live);
    if (signal?.aborted) onAbort();
    else if (this.#closed !== undefined) this.#end(live, this.#closed);
    else void this.#open(live);
    const leave = () => {
      signal?.removeEventListener("abort", onAbort);
      live.queue.discard();
      this.#end(live, new ConnectionError("CANCELLED", "The subscription was left"));
      return Promise.resolve();
    };
    const iterator: AsyncIterator<EventEnvelope, undefined> = {
      next: () => live.queue.next(),
      return: () => leave().then(() => ({ done: true, value: undefined })),
    };
    return {
      ready: live.ready.promise,
      ack: (event) => this.#ack(live, event.seq),
      [Symbol.asyncIterator]: () => iterator,
      [Symbol.asyncDispose]: leave,
    };
  }

  /** Handles an `event.push` notification. */
  receive(params: Push): void {
    const live = this.#byId.get(params.subscription_id);
    if (live !== undefined) this.#deliver(live, params);
    else this.#keepEarly(params.subscription_id, () => this.receive(params));
  }

  /** Handles an `event.gap` notification. */
  gap(notice: SubscriptionNotice): void {
    const { subscription_id, after = 0, resumed_at: resumedAt = after, skipped_low: skippedLow = 0 } = notice;
    const live = this.#byId.get(subscription_id);
    if (live === undefined) this.#keepEarly(subscription_id, () => this.gap(notice));
    else live.options.onGap?.({ after, resumedAt, skippedLow });
  }

  /** Handles an `event.end` notification. */
  ended(notice: SubscriptionNotice): void {
    const { subscription_id, reason = "The bridge has ended it" } = notice;
    const live = this.#byId.get(subscription_id);
    if (live === undefined) {
      this.#keepEarly(subscription_id, () => this.ended(notice));
      return;
    }
    this.#byId.delete(subscription_id);
    live.id = undefined;
    this.#end(live, new ConnectionError("CLOSED", reason));
  }

  /** Subscribes again on a new connection. */
  connected(): void {
    for (const live of this.#live) void this.#open(live);
  }

  /** Drops the subscription ids of a lost connection. */
  disconnected(): void {
    this.#byId.clear();
    this.#early = [];
    for (const live of this.#live) live.id = undefined;
  }

  /** Ends all subscriptions, because no further connection will follow. */
  close(error: ConnectionError): void {
    this.#closed = error;
    this.#endAll(error);
  }

  /** What comes in one read with the answer that names its subscription waits until that answer has been taken. */
  #keepEarly(subscriptionId: string, take: () => void): void {
    if (this.#someOpening() && this.#early.push({ subscriptionId, take }) > earlyMax) this.#endAll(overflow(earlyMax));
  }

  #endAll(error: ConnectionError): void {
    for (const live of this.#live) this.#end(live, error);
  }

  async #open(live: Live): Promise<void> {
    if (live.opening || live.id !== undefined) return;
    live.opening = true;
    try {
      // The bridge keeps the position of a durable subscription.
      const { cursor = live.params.cursor } = live.params.name === undefined ? live : live.params;
      const params = cursor === undefined ? live.params : { ...live.params, cursor };
      const call = this.#calls.start("event.subscribe", params, { deadlineMs: this.#deadlineMs }, "alone");
      this.#opened(live, (await call.result) as Result<"event.subscribe">);
    } catch (error) {
      // Lost with its connection: `connected` asks again on the next one. Closing the client ends what is live.
      if (error instanceof ConnectionError && error.code === "CLOSED") return;
      this.#end(live, error as Error);
    } finally {
      live.opening = false;
      if (!this.#someOpening()) this.#early = [];
    }
  }

  #opened(live: Live, answer: Result<"event.subscribe">): void {
    live.id = answer.subscription_id;
    if (!this.#live.has(live)) {
      this.#unsubscribe(live);
      return;
    }
    this.#byId.set(answer.subscription_id, live);
    if (answer.cursor_reset) live.options.onGap?.({ after: live.cursor ?? 0, resumedAt: answer.cursor, skippedLow: 0 });
    live.cursor = answer.cursor;
    live.ready.resolve();
    for (const { subscriptionId, take } of this.#early) if (subscriptionId === answer.subscription_id) take();
  }

  #deliver(live: Live, { event, cursor }: Push): void {
    const { seq } = event;
    const isRepeated = live.ahead.delete(seq);
    if (cursor !== undefined) live.ahead.add(seq);
    if (!isRepeated && !live.queue.push(event)) {
      this.#end(live, overflow(live.options.queueMax ?? queueMaxDefault));
      return;
    }
    live.cursor = cursor ?? seq;
    // What went ahead is past once its turn is: on this connection it does not come again.
    for (const early of live.ahead) if (early <= live.cursor) live.ahead.delete(early);
  }

  async #ack(live: Live, cursor: number): Promise<void> {
    if (live.id === undefined) {
      throw new ConnectionError("NOT_CONNECTED", "There is no connection to acknowledge on: the event comes again");
    }
    const params = { subscription_id: live.id, cursor };
    await this.#calls.start("event.ack", params, { deadlineMs: this.#deadlineMs }).result;
  }

  /** Idempotent. The consumer still gets what is queued. */
  #end(live: Live, error: Error): void {
    if (!this.#live.delete(live)) return;
    live.queue.end(error);
    live.ready.reject(error);
    this.#unsubscribe(live);
  }

  #unsubscribe(live: Live): void {
    if (live.id === undefined) return;
    this.#byId.delete(live.id);
    this.#calls.notify("event.unsubscribe", { subscription_id: live.id });
    live.id = undefined;
  }

  #someOpening(): boolean {
    for (const live of this.#live) if (live.opening) return true;
    return false;
  }
}

const overflow = (max: number) =>
  new ConnectionError("QUEUE_FULL", `More than ${max} events waited for the subscription's consumer, so it was ended`);
