import type { IncomingMessage } from "node:http";
import { BridgeError } from "@armorclaw/protocol/errors";
import type { Clock } from "../../../platform/clock.ts";
import { TokenBuckets } from "../../../platform/token-bucket.ts";

const mebibyte = 1_048_576;

/** As the longest line of the agent's JSON-RPC socket. */
const bodyBytesMax = 16 * mebibyte;
/** The bytes of one agent's requests that are being read or served. */
const agentBytesMax = 32 * mebibyte;
/** The same of all agents. */
const totalBytesMax = 256 * mebibyte;
/** The longest body takes a fraction of a second on a local socket. */
const bodyMs = 30_000;
/** To parse a request takes time that all agents share. */
const rate = { perSecond: 4 * mebibyte, burst: 64 * mebibyte };
const agentsMax = 10_000;

/** The bytes of one request. They count as held until it is disposed of. */
export interface HeldBody extends Disposable {
  readonly text: string;
}

/** Reads the bodies of agents' requests, and bounds what they take of the bridge's memory and time: for each agent, and for all together. */
export class RequestBytes {
  readonly #clock: Clock;
  readonly #buckets: TokenBuckets;
  readonly #held = new Map<string, number>();
  #total = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#buckets = new TokenBuckets({ rate, keysMax: agentsMax, clock });
  }

  /** The bytes that are held for all agents. */
  get total(): number {
    return this.#total;
  }

  /** @throws BridgeError FRAME_TOO_LARGE, TOO_MANY_IN_FLIGHT, RATE_LIMITED, TIMED_OUT or PARSE_ERROR; then nothing is held */
  async read(request: IncomingMessage, agent: string): Promise<HeldBody> {
    const pieces: Uint8Array[] = [];
    let bytes = 0;
    let isHeld = true;
    const release = () => {
      if (isHeld) this.#add(agent, -bytes);
      isHeld = false;
    };
    const deadline = this.#clock.after(bodyMs, () =>
      request.destroy(new BridgeError("TIMED_OUT", `The body did not come within ${bodyMs} ms`)),
    );
    try {
      // Without `destroyOnReturn` a refusal could not be answered.
      for await (const piece of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>) {
        bytes += piece.length;
        this.#add(agent, piece.length);
        this.#check(agent, bytes);
        pieces.push(piece);
      }
      const retryAfterMs = this.#buckets.take(agent, bytes);
      if (retryAfterMs > 0) {
        const details = { retry_after_ms: retryAfterMs };
        throw new BridgeError("RATE_LIMITED", `${agent} sends more than ${rate.perSecond} bytes a second`, details);
      }
      return { text: decode(Buffer.concat(pieces)), [Symbol.dispose]: release };
    } catch (error) {
      release();
      throw error;
    } finally {
      deadline.cancel();
    }
  }

  #check(agent: string, bytes: number): void {
    if (bytes > bodyBytesMax) throw new BridgeError("FRAME_TOO_LARGE", `The body is longer than ${bodyBytesMax} bytes`);
    if ((this.#held.get(agent) ?? 0) > agentBytesMax)
      throw new BridgeError("TOO_MANY_IN_FLIGHT", `The requests of ${agent} hold more than ${agentBytesMax} bytes`);
    if (this.#total > totalBytesMax)
      throw new BridgeError("TOO_MANY_IN_FLIGHT", `The requests of all agents hold more than ${totalBytesMax} bytes`);
  }

  #add(agent: string, bytes: number): void {
    this.#total += bytes;
    const held = (this.#held.get(agent) ?? 0) + bytes;
    if (held === 0) this.#held.delete(agent);
    else this.#held.set(agent, held);
  }
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new BridgeError("PARSE_ERROR", "The body is not UTF-8");
  }
}
