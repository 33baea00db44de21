/** A bounded queue between a producer that does not wait and one consumer that does. */
export class AsyncQueue<T> {
  readonly #max: number;
  readonly #onTake: () => void;
  readonly #waiting: PromiseWithResolvers<IteratorResult<T, undefined>>[] = [];
  #items: T[] = [];
  #ended = false;
  #error: Error | undefined;

  /** @param onTake calls after each item that the consumer took */
  constructor(max: number, onTake: () => void = () => {}) {
    this.#max = max;
    this.#onTake = onTake;
  }

  /** Returns false when the queue is full and the item was not added. An item after the end is dropped. */
  push(item: T): boolean {
    if (this.#ended) return true;
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) {
      waiting.resolve({ done: false, value: item });
      this.#onTake();
      return true;
    }
    if (this.#items.length >= this.#max) return false;
    this.#items.push(item);
    return true;
  }

  /** The consumer gets what is queued, then the error or the end. Only the first end counts. */
  end(error?: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    for (const waiting of this.#waiting.splice(0)) this.#finish(waiting);
  }

  /** Ends the queue and drops its items. */
  discard(): void {
    this.#items = [];
    this.#error = undefined;
    this.end();
  }

  next(): Promise<IteratorResult<T, undefined>> {
    const waiting = Promise.withResolvers<IteratorResult<T, undefined>>();
    const [item] = this.#items;
    if (this.#items.length > 0) {
      this.#items.shift();
      waiting.resolve({ done: false, value: item as T });
      this.#onTake();
    } else if (this.#ended) this.#finish(waiting);
    else this.#waiting.push(waiting);
    return waiting.promise;
  }

  #finish(waiting: PromiseWithResolvers<IteratorResult<T, undefined>>): void {
    const error = this.#error;
    this.#error = undefined;
    if (error === undefined) waiting.resolve({ done: true, value: undefined });
    else waiting.reject(error);
  }
}
