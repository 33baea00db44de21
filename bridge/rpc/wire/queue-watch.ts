import type { RpcLimits } from "../limits.ts";

/** Unsent bytes over `queueBytesMax` start the write deadline; over this many times of it there is no waiting. */
const hardQueueFactor = 4;

/** Tells when a peer has left too much unread for too long. */
export class QueueWatch {
  readonly #limits: RpcLimits;
  #overSince: number | undefined;

  constructor(limits: RpcLimits) {
    this.#limits = limits;
  }

  isOverdue(unsentBytes: number, monotonic: () => number): boolean {
    const { queueBytesMax, writeDeadlineMs } = this.#limits;
    if (unsentBytes <= queueBytesMax) {
      this.#overSince = undefined;
      return false;
    }
    const now = monotonic();
    this.#overSince ??= now;
    return unsentBytes > hardQueueFactor * queueBytesMax || now - this.#overSince >= writeDeadlineMs;
  }
}
