import { BridgeError } from "@armorclaw/protocol/errors";

/** The part of a call that `InFlight` needs. */
export interface FlyingCall {
  /** Undefined for a notification. */
  readonly idText: string | undefined;
  readonly isStreaming: boolean;
  readonly deadlineAt: number;
  grant(items: number): void;
  abort(reason: unknown): void;
}

/** The calls of one connection that were not answered synchronously. */
export class InFlight<Call extends FlyingCall> {
  readonly #fail: (call: Call, reason: unknown) => void;
  /** By id text, in order of arrival. A notification or a call with the id null is its own key. */
  readonly #unanswered = new Map<string | Call, Call>();
  #handlers = 0;
  #streams = 0;

  /** @param fail answers a call with an error */
  constructor(fail: (call: Call, reason: unknown) => void) {
    this.#fail = fail;
  }

  /** The number of running handlers, including those whose calls were cancelled or timed out. */
  get handlers(): number {
    return this.#handlers;
  }

  get streams(): number {
    return this.#streams;
  }

  get unanswered(): number {
    return this.#unanswered.size;
  }

  has(idText: string): boolean {
    return this.#unanswered.size > 0 && this.#unanswered.has(idText);
  }

  add(call: Call): void {
    this.#handlers += 1;
    if (call.isStreaming) this.#streams += 1;
    this.#unanswered.set(keyOf(call), call);
  }

  /** Removes a call whose handler has ended. */
  remove(call: Call): void {
    this.#handlers -= 1;
    if (call.isStreaming) this.#streams -= 1;
    if (this.#unanswered.get(keyOf(call)) === call) this.#unanswered.delete(keyOf(call));
  }

  /** @returns false when no such call is in flight */
  cancel(idText: string, reason = new BridgeError("CANCELLED")): boolean {
    const call = this.#unanswered.get(idText);
    if (call !== undefined) this.#interrupt(call, reason);
    return call !== undefined;
  }

  /** @returns false when no such stream is open */
  grant(idText: string, items: number): boolean {
    const call = this.#unanswered.get(idText);
    if (call?.isStreaming !== true) return false;
    call.grant(items);
    return true;
  }

  /** Gives every stream unlimited credit, because the peer can grant no more. The socket still limits the streams. */
  grantAll(): void {
    for (const call of this.#unanswered.values()) {
      if (call.isStreaming) call.grant(Number.POSITIVE_INFINITY);
    }
  }

  /** Answers the calls whose deadline has passed with TIMED_OUT. */
  expire(now: number): void {
    for (const call of this.#unanswered.values()) {
      if (call.deadlineAt <= now) this.#interrupt(call, new BridgeError("TIMED_OUT"));
    }
  }

  /** Answers all calls, or those that `which` selects, with `reason`. */
  interruptAll(reason: BridgeError, which: (call: Call) => boolean = () => true): void {
    for (const call of [...this.#unanswered.values()]) {
      if (which(call)) this.#interrupt(call, reason);
    }
  }

  #interrupt(call: Call, reason: BridgeError): void {
    this.#unanswered.delete(keyOf(call));
    this.#fail(call, reason);
    call.abort(reason);
  }
}

const keyOf = <Call extends FlyingCall>(call: Call): string | Call =>
  call.idText === undefined || call.idText === "null" ? call : call.idText;
