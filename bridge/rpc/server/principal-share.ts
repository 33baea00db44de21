import type { Clock } from "../../platform/clock.ts";
import { TokenBucket } from "../../platform/token-bucket.ts";
import type { RpcLimits } from "../ports/limits.ts";

type ShareLimits = Pick<RpcLimits, "busyMsPerS" | "readBytesPerS" | "readBurstBytes" | "invalidPerS" | "invalidBurst">;

/** The limits that the connections of one principal share. They outlive the connections: a principal that reconnects has no new share. */
export class PrincipalShare {
  /** Bytes that the bridge holds for the principal: unfinished lines, and lines that wait. */
  heldBytes = 0;
  readonly #busyMs: TokenBucket;
  readonly #bytes: TokenBucket;
  readonly #invalid: TokenBucket;

  constructor(limits: ShareLimits, clock: Pick<Clock, "monotonic">) {
    this.#busyMs = new TokenBucket({ perSecond: limits.busyMsPerS, burst: 5 * limits.busyMsPerS }, clock);
    this.#bytes = new TokenBucket({ perSecond: limits.readBytesPerS, burst: limits.readBurstBytes }, clock);
    this.#invalid = new TokenBucket({ perSecond: limits.invalidPerS, burst: limits.invalidBurst }, clock);
  }

  /**
   * Books what the principal's lines have taken of the bridge's one thread.
   * @returns how long its connections are not to be read, in milliseconds
   */
  spend(ms: number, bytes: number, nowMs: number): number {
    return Math.max(this.#busyMs.spend(ms, nowMs), this.#bytes.spend(bytes, nowMs));
  }

  /** Counts one invalid line. @returns whether there were too many of them */
  countInvalid(nowMs: number): boolean {
    return this.#invalid.take(1, 0, nowMs) > 0;
  }
}
