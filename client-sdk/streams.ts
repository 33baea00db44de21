import { limits } from "@armorclaw/protocol/limits";
import { AsyncQueue } from "./async-queue.ts";
import type { Calls } from "./calls.ts";
import { ConnectionError } from "./types/errors.ts";
import type { CallOptions, ItemStream } from "./types/options.ts";

/** Credit goes back in halves of the window, so that the producer need not wait and messages stay few. */
const creditBatch = limits.streamCreditInitial / 2;

interface OpenStream {
  readonly queue: AsyncQueue<unknown>;
  cancel(reason?: unknown): void;
}

/** The streaming calls in flight. */
export class Streams {
  readonly #calls: Calls;
  readonly #open = new Map<number, OpenStream>();

  constructor(calls: Calls) {
    this.#calls = calls;
  }

  start(method: string, params: unknown, options: CallOptions): ItemStream<unknown, unknown> {
    let taken = 0;
    const queue = new AsyncQueue<unknown>(limits.streamCreditInitial, () => {
      taken += 1;
      if (taken < creditBatch || !this.#open.has(id)) return;
      this.#calls.notify("rpc.stream_credit", { id, n: taken });
      taken = 0;
    });
    const { id, result, cancel } = this.#calls.start(method, params, options, "alone");
    this.#open.set(id, { queue, cancel });
    const settled = (error?: Error) => {
      this.#open.delete(id);
      queue.end(error);
    };
    result.then(() => settled(), settled);
    const iterator: AsyncIterator<unknown, undefined> = {
      next: () => queue.next(),
      return: () => {
        queue.discard();
        cancel();
        return Promise.resolve({ done: true, value: undefined });
      },
    };
    return { result, [Symbol.asyncIterator]: () => iterator };
  }

  /** Handles an `rpc.stream` notification. An item of a cancelled stream is dropped. */
  receive(params: { readonly id: number; readonly item: unknown }): void {
    const stream = this.#open.get(params.id);
    if (stream === undefined || stream.queue.push(params.item)) return;
    const error = new ConnectionError("QUEUE_FULL", "The bridge sent more items than it had credit for");
    stream.queue.end(error);
    stream.cancel(error);
  }
}
