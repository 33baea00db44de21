import type { EventSelector } from "./selector.ts";

/** Finds those that may want an event by its channel and type, at a cost that does not depend on those that do not. */
export class SelectorIndex<T> {
  readonly #items = new Map<T, () => void>();
  /** Those without a selector, or with one that says nothing about the start of the channel and nothing about the type. */
  readonly #open = new Set<T>();
  readonly #byType = new Map<string, Set<T>>();
  readonly #byChannel = new Map<string, Set<T>>();
  /** By the segments before the first wildcard. */
  readonly #byPrefix = new Map<string, Set<T>>();

  has(item: T): boolean {
    return this.#items.has(item);
  }

  all(): T[] {
    return [...this.#items.keys()];
  }

  /** @returns removes it */
  add(item: T, selector?: EventSelector): () => void {
    this.#items.get(item)?.();
    const removals = this.#places(selector).map(([map, key]) => addTo(map, key, item));
    if (removals.length === 0) this.#open.add(item);
    const remove = () => {
      if (this.#items.get(item) !== remove) return;
      this.#items.delete(item);
      this.#open.delete(item);
      for (const undo of removals) undo();
    };
    this.#items.set(item, remove);
    return remove;
  }

  /** Those whose selector may match; each once. */
  candidates(channel: string, type: string): T[] {
    const sets = [this.#open, this.#byType.get(type), this.#byChannel.get(channel)];
    for (let end = channel.indexOf("."); end !== -1; end = channel.indexOf(".", end + 1))
      sets.push(this.#byPrefix.get(channel.slice(0, end)));
    const found = sets.filter((set) => set !== undefined && set.size > 0);
    return found.length === 1 ? [...(found[0] ?? [])] : [...new Set(found.flatMap((set) => [...(set ?? [])]))];
  }

  /** Where an item stands; empty when it stands among the open ones. */
  #places(selector: EventSelector | undefined): (readonly [Map<string, Set<T>>, string])[] {
    if (selector === undefined) return [];
    const { channels, types } = selector;
    const places = channels.map((pattern) => {
      const wildcard = pattern.search(/[*>]/);
      if (wildcard === -1) return [this.#byChannel, pattern] as const;
      return [this.#byPrefix, pattern.slice(0, Math.max(0, wildcard - 1))] as const;
    });
    if (places.every(([, key]) => key !== "")) return places;
    return (types ?? []).map((type) => [this.#byType, type] as const);
  }
}

function addTo<T>(map: Map<string, Set<T>>, key: string, item: T): () => void {
  const set = map.get(key) ?? new Set();
  map.set(key, set.add(item));
  return () => {
    set.delete(item);
    if (set.size === 0 && map.get(key) === set) map.delete(key);
  };
}
