/** The credit of one stream: each item uses one, and the peer grants more as it consumes. */
export class Stream {
  #credit: number;
  #seq = 0;
  #waiting: PromiseWithResolvers<void> | undefined;
  #ended: { readonly reason: unknown } | undefined;

  constructor(credit: number) {
    this.#credit = credit;
  }

  /** @returns the next item's number, from 1 */
  take(): number {
    if (this.#ended !== undefined) throw this.#ended.reason;
    if (this.#credit === 0) throw new Error("An item was written before the last write had resolved");
    this.#credit -= 1;
    this.#seq += 1;
    return this.#seq;
  }

  /** Resolves when there is credit; rejects with the reason when the stream ends first. */
  ready(): Promise<void> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended.reason);
    if (this.#credit > 0) return Promise.resolve();
    this.#waiting ??= Promise.withResolvers();
    return this.#waiting.promise;
  }

  grant(items: number): void {
    this.#credit += items;
    this.#waiting?.resolve();
    this.#waiting = undefined;
  }

  end(reason: unknown): void {
    this.#ended ??= { reason };
    this.#waiting?.reject(reason);
    this.#waiting = undefined;
  }
}
