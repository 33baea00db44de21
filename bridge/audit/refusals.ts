import type { Clock, Timer } from "../platform/clock.ts";

/** How long a window is. The first refusal after its end opens the next one. */
const windowMs = 600_000;
/** The most methods of one principal in one window. Refusals of further methods are counted together, under `otherMethods`. */
const methodsMax = 16;
/** The most principals in one window, which are the operator's own users, tokens and agents. Of further ones only the number of refusals is counted. */
const principalsMax = 256;

/** The method of a record that is about several methods. */
const otherMethods = "*";

/** A number of refused calls of one principal. */
export interface Refused {
  readonly principal: string;
  readonly method: string;
  readonly correlationId: string;
  readonly calls: number;
}

interface Tally {
  /** The refusals that are not written yet, by method. */
  readonly methods: Map<string, number>;
  others: number;
}

/**
 * Keeps a flood of refused calls from filling the audit record. The first refusal of a principal and method is written at once, and
 * the further ones of the window as one record with their number, at its end. A principal causes at most 33 records in ten minutes.
 */
export class Refusals {
  readonly #clock: Pick<Clock, "after">;
  readonly #write: (refused: Refused) => boolean;
  readonly #lost: (calls: number) => void;
  readonly #tallies = new Map<string, Tally>();
  #uncounted = 0;
  #timer: Timer | undefined;

  /**
   * @param write returns false while no record can be written
   * @param lost receives the number of refusals without a record: of principals beyond the bound, or while no record could be written
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

  /** Writes the waiting refusals, and ends the window. */
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
