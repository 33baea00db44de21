import type { RpcLimits } from "../ports/limits.ts";

/** More unsent bytes than `queueBytesMax` start the write deadline. This many times more end the connection immediately. */
const hardQueueFactor = 4;

/** Detects a peer that leaves too much output unread for too long. */
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
