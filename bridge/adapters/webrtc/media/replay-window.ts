/** How far a packet may be behind the newest one. An older packet would be too late to play. */
const windowPackets = 512;

/**
 * Accepts each packet once (RFC 3711 §3.3.2). werift authenticates packets but does not detect replays, so that recorded packets
 * could be played into their call again.
 */
export class ReplayWindow {
  readonly #seen = new Set<number>();
  #highest: number | undefined;
  #rejected = 0;

  get rejected(): number {
    return this.#rejected;
  }

  /** @returns the sequence number, continued past 65535, or undefined for a packet to drop */
  accept(sequence: number): number | undefined {
    if (this.#highest === undefined) {
      this.#highest = sequence + 0x1_0000;
      this.#seen.add(this.#highest);
      return this.#highest;
    }
    const extended = this.#highest + signed16(sequence - this.#highest);
    if (extended <= this.#highest - windowPackets || this.#seen.has(extended)) {
      this.#rejected += 1;
      return undefined;
    }
    this.#seen.add(extended);
    if (extended > this.#highest) {
      this.#highest = extended;
      this.#forget();
    }
    return extended;
  }

  #forget(): void {
    if (this.#seen.size <= 2 * windowPackets) return;
    for (const extended of this.#seen) {
      if (extended <= (this.#highest ?? 0) - windowPackets) this.#seen.delete(extended);
    }
  }
}

const signed16 = (difference: number): number => {
  const wrapped = difference & 0xffff;
  return wrapped >= 0x8000 ? wrapped - 0x1_0000 : wrapped;
};
