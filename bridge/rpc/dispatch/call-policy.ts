import type { Principal } from "@armorclaw/protocol";
import type { BridgeError } from "@armorclaw/protocol/errors";
import type { MethodEntry } from "./method-table.ts";

/** A call as a policy sees it. */
export interface PolicedCall {
  readonly entry: MethodEntry;
  readonly principal: Principal;
  readonly correlationId: string;
  /** Whether the caller's rights cover the method and the params are valid. */
  readonly isAdmitted: boolean;
}

/** What a server does around the handlers of its methods. The same policy applies to calls from sockets and to local calls. */
export interface CallPolicy {
  /**
   * Runs before each call, after the check of the role. A returned error refuses the call.
   * @param now the clock's monotonic time
   */
  readonly authorize?:
    | ((method: MethodEntry, principal: Principal, now: number) => BridgeError | undefined)
    | undefined;
  /**
   * Runs each call that is authorized and has valid params. It has to call `handle`; what it throws or rejects with is the answer.
   * An interceptor that returns the value of `handle` unchanged costs no promise.
   */
  readonly intercept?: ((call: PolicedCall, params: unknown, handle: () => unknown) => unknown) | undefined;
  /** Reports each call that is answered with FORBIDDEN. `call.isAdmitted` shows whether the handler refused it. */
  readonly onDenied?: ((call: PolicedCall) => void) | undefined;
  /** Reports each answered call. `errorCode` is undefined for a success. */
  readonly onAnswered?: ((call: PolicedCall, durationMs: number, errorCode: string | undefined) => void) | undefined;
}
