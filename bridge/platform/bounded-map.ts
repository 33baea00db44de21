// Own code: lru-cache allocates its index for the whole bound ahead and refreshes an entry's age on reads, which no caller here wants.

/** A map of at most `max` entries. A new one drops the entry that was set longest ago. */
export class BoundedMap<K, V> {
  readonly #max: number;
  readonly #entries = new Map<K, V>();

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: K): V | undefined {
    return this.#entries.get(key);
  }

  has(key: K): boolean {
    return this.#entries.has(key);
  }

  /** Sets the entry and makes it the newest. */
  set(key: K, value: V): void {
    this.#entries.delete(key);
    if (this.#entries.size >= this.#max) {
      const [oldest] = this.#entries.keys();
      this.#entries.delete(oldest as K);
    }
    this.#entries.set(key, value);
  }

  delete(key: K): boolean {
    return this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
  }

  /** From the oldest to the newest. */
  entries(): MapIterator<[K, V]> {
    return this.#entries.entries();
  }

  /** From the oldest to the newest. */
  values(): MapIterator<V> {
    return this.#entries.values();
  }
}
