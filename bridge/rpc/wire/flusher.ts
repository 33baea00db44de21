/** Something that is to be flushed at the end of a tick. */
export interface Flushable {
  endTick(): void;
}

/** Ends the tick of all that were given something in it: together, since an event may have a hundred receivers. */
export class Flusher {
  #waiting: Flushable[] = [];
  readonly flush = (): void => {
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const each of waiting) each.endTick();
  };

  /** @param flushable not one that waits already */
  add(flushable: Flushable): void {
    if (this.#waiting.length === 0) process.nextTick(this.flush);
    this.#waiting.push(flushable);
  }
}
