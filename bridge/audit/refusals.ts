import type { Clock, Timer } from "../platform/clock.ts";

/** A new window opens with the first refusal after the one before. */
const windowMs = 600_000;
/** Of one principal in one window; what it is refused beyond these is counted as one, under `otherMethods`. */
const methodsMax = 16;
/** Principals in one window; they are the operator's own users, tokens and agents. Refusals of others are counted alone. */
const principalsMax = 256;

/** Stands where a record is about several methods. */
const otherMethods = "*";

/** Calls that were refused: `calls` of them. */
export interface Refused {
  readonly principal: string;
  readonly method: string;
  readonly correlationId: string;
  readonly calls: number;
}

interface Tally {
  /** Refusals that are not written yet, by method. */
  readonly methods: Map<string, number>;
  others: number;
}

/**
 * Keeps a flood of refused calls from filling the record: of each principal and method the first refusal is written at once, and those
 * that follow within the window as one, with their number, when it is over. A principal makes no more than 33 records in ten minutes.
 */
export class Refusals {
  readonly #clock: Pick<Clock, "after">;
  readonly #write: (refused: Refused) => boolean;
  readonly #lost: (calls: number) => void;
  readonly #tallies = new Map<string, Tally>();
  #uncounted = 0;
  #timer: Timer | undefined;

  /**
   * @param write returns false while nothing can be written
   * @param lost told of refusals that are in no record: of principals beyond the bound, or because nothing could be written
   */
  constructor(clock: Pick<Clock, "after">, write: (refused: Refused) => boolean, lost: (calls: number) => void) {
    this.#clock = clock;
    this.#write = write;
    this.#lost = lost;
  }

  count(principal: string, method: string, correlationId: string): void {
    this.#timer ??= this.#clock.after(windowMs, () => this.close());
    const tally = this.#tallyOf(principal);
    if (tally === undefined) {
      this.#uncounted += 1;
      return;
    }
    const waiting = tally.methods.get(method);
    if (waiting !== undefined) tally.methods.set(method, waiting + 1);
    else if (tally.methods.size >= methodsMax) tally.others += 1;
    else tally.methods.set(method, this.#write({ principal, method, correlationId, calls: 1 }) ? 0 : 1);
  }

  /** Writes what waits, and ends the window. */
  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    let lost = this.#uncounted;
    for (const [principal, { methods, others }] of this.#tallies) {
      for (const [method, calls] of [...methods, [otherMethods, others] as const]) {
        if (calls > 0 && !this.#write({ principal, method, correlationId: "", calls })) lost += calls;
      }
    }
    this.#tallies.clear();
    this.#uncounted = 0;
    if (lost > 0) this.#lost(lost);
  }

  #tallyOf(principal: string): Tally | undefined {
    const known = this.#tallies.get(principal);
    if (known !== undefined || this.#tallies.size >= principalsMax) return known;
    const tally = { methods: new Map<string, number>(), others: 0 };
    this.#tallies.set(principal, tally);
    return tally;
  }
}
