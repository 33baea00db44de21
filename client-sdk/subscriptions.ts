import type { EventEnvelope, Result } from "@armorclaw/protocol";
import { AsyncQueue } from "./async-queue.ts";
import type { Calls } from "./calls.ts";
import { ConnectionError } from "./errors.ts";
import type { EventSubscription, SubscribeOptions, SubscribeParams } from "./types.ts";

const queueMaxDefault = 10_000;
/** Events kept while the answer that names their subscription is still on its way. */
const earlyMax = 10_000;

interface Live {
  readonly params: SubscribeParams;
  readonly options: SubscribeOptions;
  readonly queue: AsyncQueue<EventEnvelope>;
  readonly ready: PromiseWithResolvers<void>;
  /** The bridge's name for it on this connection. */
  id: string | undefined;
  /** An `event.subscribe` is queued or in flight. */
  opening: boolean;
  /** Everything up to here was seen or asked to be skipped. */
  cursor: number | undefined;
}

/** The subscriptions of one client, over all its connections. */
export class Subscriptions {
  readonly #calls: Calls;
  readonly #deadlineMs: number;
  readonly #live = new Set<Live>();
  readonly #byId = new Map<string, Live>();
  #closed: ConnectionError | undefined;
  #early: { readonly subscription_id: string; readonly event: EventEnvelope }[] = [];

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
    return { ready: live.ready.promise, [Symbol.asyncIterator]: () => iterator, [Symbol.asyncDispose]: leave };
  }

  /** Takes an `event.push` notification off the wire. */
  receive(params: { readonly subscription_id: string; readonly event: EventEnvelope }): void {
    const live = this.#byId.get(params.subscription_id);
    if (live !== undefined) this.#deliver(live, params.event);
    else if (this.#someOpening()) {
      if (this.#early.push(params) > earlyMax) this.#endAll(overflow(earlyMax));
    }
  }

  /** The connection is there (again): ask for what is missing on it. */
  connected(): void {
    for (const live of this.#live) void this.#open(live);
  }

  /** The connection is gone, and the bridge's names with it. */
  disconnected(): void {
    this.#byId.clear();
    this.#early = [];
    for (const live of this.#live) live.id = undefined;
  }

  /** No connection comes any more. */
  close(error: ConnectionError): void {
    this.#closed = error;
    this.#endAll(error);
  }

  #endAll(error: ConnectionError): void {
    for (const live of this.#live) this.#end(live, error);
  }

  async #open(live: Live): Promise<void> {
    if (live.opening || live.id !== undefined) return;
    live.opening = true;
    try {
      const params = live.cursor === undefined ? live.params : { ...live.params, cursor: live.cursor };
      const call = this.#calls.start("event.subscribe", params, { deadlineMs: this.#deadlineMs });
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
    if (answer.cursor_reset) live.options.onGap?.({ after: live.cursor ?? 0, resumedAt: answer.cursor });
    live.cursor = answer.cursor;
    live.ready.resolve();
    for (const early of this.#early) {
      if (early.subscription_id === answer.subscription_id) this.#deliver(live, early.event);
    }
  }

  #deliver(live: Live, event: EventEnvelope): void {
    if (live.queue.push(event)) live.cursor = event.seq;
    else this.#end(live, overflow(live.options.queueMax ?? queueMaxDefault));
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
