import type { Clock, Timer } from "../../../platform/clock.ts";
import type { CallAttribution, CallReservation, CallReservations } from "./ports.ts";

/** The budget is reserved this far ahead. A crash leaves at most this unsettled. */
const stretchMs = 10_000;

/** Reserves and settles the budget of one call, one stretch after the other. */
export class CallBudget {
  readonly #budget: CallReservations;
  readonly #clock: Clock;
  readonly #call: CallAttribution;
  readonly #onRefused: (error: unknown) => void;
  #current: { readonly reservation: CallReservation; readonly sinceMs: number } | undefined;
  #timer: Timer | undefined;
  #isOver = false;

  constructor(budget: CallReservations, clock: Clock, call: CallAttribution, onRefused: (error: unknown) => void) {
    this.#budget = budget;
    this.#clock = clock;
    this.#call = call;
    this.#onRefused = onRefused;
  }

  /** Reserves the next stretch. @throws BridgeError when the budget is used up */
  async begin(): Promise<void> {
    const reservation = await this.#budget.reserve(this.#call, stretchMs);
    this.#current = { reservation, sinceMs: this.#clock.monotonic() };
  }

  /** Charges time from now on: the media is connected. */
  run(): void {
    if (this.#isOver || this.#timer !== undefined || this.#current === undefined) return;
    this.#current = { ...this.#current, sinceMs: this.#clock.monotonic() };
    this.#extendAfter(this.#current.reservation.ms);
  }

  /** Settles the open stretch. */
  async end(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#timer?.cancel();
    const wasRunning = this.#timer !== undefined;
    await this.#settle(wasRunning);
  }

  #extendAfter(ms: number): void {
    this.#timer = this.#clock.after(ms, () => void this.#extend());
  }

  async #extend(): Promise<void> {
    try {
      await this.#settle(true);
      await this.begin();
      if (this.#isOver) await this.#settle(true);
      else this.#extendAfter(this.#current?.reservation.ms ?? stretchMs);
    } catch (error) {
      this.#onRefused(error);
    }
  }

  async #settle(isCharged: boolean): Promise<void> {
    const current = this.#current;
    this.#current = undefined;
    if (current === undefined) return;
    const usedMs = Math.min(current.reservation.ms, Math.round(this.#clock.monotonic() - current.sinceMs));
    await current.reservation.settle(isCharged ? usedMs : 0);
  }
}
