import type { EventSink } from "./event-log.ts";

/** Bounds the events of a reader: as many as its connection takes, and at most `unackedMax` unacknowledged ones. */
export class Window {
  readonly #sink: EventSink;
  readonly #unackedMax: number;
  readonly #onRoom: () => void;
  /** The pushed and unacknowledged `seq`, in order. Empty when acknowledgements are not asked for. */
  #unacked: number[] = [];
  #isBlocked = false;

  /** @param unackedMax infinite when acknowledgements are not asked for */
  constructor(sink: EventSink, unackedMax: number, onRoom: () => void) {
    this.#sink = sink;
    this.#unackedMax = unackedMax;
    this.#onRoom = onRoom;
  }

  /** The oldest unacknowledged `seq`. */
  get head(): number | undefined {
    return this.#unacked[0];
  }

  isOpen(): boolean {
    if (this.#isBlocked || this.#unacked.length >= this.#unackedMax) return false;
    const wait = this.#sink.writable();
    if (wait === undefined) return true;
    this.#isBlocked = true;
    void wait.then(() => {
      this.#isBlocked = false;
      this.#onRoom();
    });
    return false;
  }

  pushed(seq: number): void {
    if (this.#unackedMax !== Number.POSITIVE_INFINITY) this.#unacked.push(seq);
  }

  ack(cursor: number): void {
    this.#unacked = this.#unacked.filter((seq) => seq > cursor);
    this.#onRoom();
  }

  /** Forgets the pushed events: they will be pushed again. */
  reset(): void {
    this.#unacked = [];
  }
}
