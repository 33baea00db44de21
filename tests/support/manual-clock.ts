import type { Clock, Timer } from "../../bridge/platform/clock.ts";

/** A clock that only the test moves. */
export class ManualClock implements Clock {
  #now: number;
  #timers: { at: number; every: number | undefined; callback: () => void }[] = [];

  constructor(now = Date.parse("2026-11-21T08:00:00Z")) {
    this.#now = now;
  }

  /** The number of waiting timers. */
  get waiting(): number {
    return this.#timers.length;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  after(ms: number, callback: () => void): Timer {
    return this.#add(ms, undefined, callback);
  }

  every(ms: number, callback: () => void): Timer {
    return this.#add(ms, ms, callback);
  }

  /** Advances the time, and runs the timers that are due, in order. A repeating timer runs once, at the end. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const due = this.#timers
        .filter(({ at, every }) => every === undefined && at <= end)
        .toSorted((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#now = Math.max(this.#now, due.at);
      this.#timers = this.#timers.filter((timer) => timer !== due);
      due.callback();
    }
    this.#now = end;
    for (const timer of this.#timers.filter(({ at }) => at <= end)) {
      timer.at = end + (timer.every ?? 0);
      timer.callback();
    }
  }

  #add(ms: number, every: number | undefined, callback: () => void): Timer {
    const timer = { at: this.#now + ms, every, callback };
    this.#timers.push(timer);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
      },
    };
  }
}
