import { PortsExhausted } from "./transport.ts";

/**
 * Bounds the calls to those that the port range has ports for. werift takes one UDP port for each call and address. When the range is
 * used up it gathers no candidates and reports no error: such a call would hang until its deadline.
 */
export class PortPool {
  readonly #callsMax: number;
  #calls = 0;

  constructor([first, last]: readonly [number, number], addresses: number) {
    this.#callsMax = Math.floor((last - first + 1) / Math.max(1, addresses));
  }

  get callsMax(): number {
    return this.#callsMax;
  }

  /** @returns returns the ports; calling it twice is harmless. @throws PortsExhausted */
  take(): () => void {
    if (this.#calls >= this.#callsMax) throw new PortsExhausted(`The port range has room for ${this.#callsMax} calls`);
    this.#calls += 1;
    let isTaken = true;
    return () => {
      if (isTaken) this.#calls -= 1;
      isTaken = false;
    };
  }
}
