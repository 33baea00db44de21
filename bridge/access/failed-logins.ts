import type { Clock, Timer } from "../platform/clock.ts";

/** How long a window is. Log-ins that fail within it are reported together at its end, after the first of them. */
const windowMs = 60_000;

export interface FailedLoginsDeps {
  readonly clock: Pick<Clock, "after">;
  /** Publishes how many log-ins failed, and the address of the last one. */
  readonly publish: (data: { readonly count: number; readonly address: string }) => void;
  /** Leaves an audit record. The audit record aggregates by itself. */
  readonly record: (address: string) => void;
}

/** Reports failed log-ins: the first at once, further ones of a window as one event, so that a flood of them floods nothing. */
export class FailedLogins {
  readonly #deps: FailedLoginsDeps;
  #pending = 0;
  #address = "";
  #timer: Timer | undefined;
  #total = 0;

  constructor(deps: FailedLoginsDeps) {
    this.#deps = deps;
  }

  /** All that failed since the bridge's start. */
  get total(): number {
    return this.#total;
  }

  count(address: string): void {
    this.#total += 1;
    this.#address = address;
    this.#deps.record(address);
    if (this.#timer === undefined) {
      this.#deps.publish({ count: 1, address });
      this.#timer = this.#deps.clock.after(windowMs, () => this.close());
    } else this.#pending += 1;
  }

  /** Reports what is not reported yet. */
  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const count = this.#pending;
    this.#pending = 0;
    if (count > 0) this.#deps.publish({ count, address: this.#address });
  }
}
