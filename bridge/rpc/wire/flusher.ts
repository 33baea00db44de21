/** An output that is flushed at the end of a tick. */
export interface Flushable {
  endTick(): void;
}

/** Flushes all outputs of a tick with one callback, because one event may have a hundred receivers. */
export class Flusher {
  #waiting: Flushable[] = [];
  readonly flush = (): void => {
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const each of waiting) each.endTick();
  };

  /** @param flushable an output that does not wait already */
  add(flushable: Flushable): void {
    if (this.#waiting.length === 0) process.nextTick(this.flush);
    this.#waiting.push(flushable);
  }
}
