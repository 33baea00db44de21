import { PortsExhausted } from "./transport.ts";

/**
 * How many calls the port range has room for. The library takes one UDP port for each call and address, and when the range is
 * spent gathers nothing without a word: such a call would hang until its deadline.
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

  /** @returns what gives the ports back; giving them back twice is harmless. @throws PortsExhausted */
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
