import { BridgeError } from "@armorclaw/protocol/errors";

/** A call, as far as its being in flight goes. */
export interface FlyingCall {
  /** Undefined for a notification. */
  readonly idText: string | undefined;
  readonly isStreaming: boolean;
  readonly deadlineAt: number;
  grant(items: number): void;
  abort(reason: unknown): void;
}

/** The calls of one connection that have not been answered at once. */
export class InFlight<Call extends FlyingCall> {
  readonly #fail: (call: Call, reason: unknown) => void;
  /** By id text. A call that cannot be named (a notification, or an id of null) is its own key. In order of arrival. */
  readonly #unanswered = new Map<string | Call, Call>();
  #handlers = 0;
  #streams = 0;

  /** @param fail answers a call with an error */
  constructor(fail: (call: Call, reason: unknown) => void) {
    this.#fail = fail;
  }

  /** Handlers that run, those of calls already answered (cancelled, timed out) included. */
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

  /** The call's handler has ended. */
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

  /** Lets every stream go on as far as the socket takes it: the peer can grant no more. */
  grantAll(): void {
    for (const call of this.#unanswered.values()) {
      if (call.isStreaming) call.grant(Number.POSITIVE_INFINITY);
    }
  }

  /** Answers those whose deadline has passed. */
  expire(now: number): void {
    for (const call of this.#unanswered.values()) {
      if (call.deadlineAt <= now) this.#interrupt(call, new BridgeError("TIMED_OUT"));
    }
  }

  /** Answers all of them, or those that `which` chooses. */
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
