import { agentsErrors } from "./agents.ts";
import { budgetErrors } from "./budget.ts";
import { eventsErrors } from "./events.ts";
import { guardsErrors } from "./guards.ts";
import { matrixErrors } from "./matrix.ts";
import { storeErrors } from "./store.ts";
import { webrtcErrors } from "./webrtc.ts";
import { wireErrors } from "./wire.ts";

/** One row of the catalogue: a condition that can happen in normal operation and that a caller can act on. */
export interface ErrorSpec {
  /** The JSON-RPC error code. One-to-one with the string code and never reused. */
  readonly rpcCode: number;
  /** Whether the same request may succeed later without any change. */
  readonly retryable: boolean;
  /** Sentence case, no final period. The default message. */
  readonly summary: string;
  /** What a person does next. */
  readonly remedy: string;
}

/**
 * Every error that the bridge puts on the wire. JSON-RPC's own codes are -32700 and -32600…-32603; conditions of the
 * bridge as a whole use -32000…-32099; a domain's conditions are positive, a block per domain. -1, -2 and -3 are
 * kept for classic clients.
 */
export const errorCatalogue = {
  ...wireErrors,
  ...agentsErrors,
  ...storeErrors,
  ...guardsErrors,
  ...eventsErrors,
  ...budgetErrors,
  ...matrixErrors,
  ...webrtcErrors,
} as const satisfies Record<string, ErrorSpec>;

export type ErrorCode = keyof typeof errorCatalogue;

/** The `error` member of a JSON-RPC response of the bridge. Clients switch on `data.code`. */
export interface WireError {
  readonly code: number;
  readonly message: string;
  readonly data: {
    readonly code: ErrorCode;
    readonly retryable: boolean;
    readonly remedy: string;
    readonly correlation_id?: string;
    readonly details?: Readonly<Record<string, unknown>>;
  };
}

/** An operating condition from the catalogue. Everything else that is thrown is a bug and is answered as INTERNAL. */
export class BridgeError extends Error {
  override readonly name = "BridgeError";
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>> | undefined;

  /**
   * @param code the condition
   * @param message names the thing and the limit; the catalogue's summary when left out
   * @param details machine-readable facts, in snake_case as they go on the wire
   */
  constructor(code: ErrorCode, message?: string, details?: Readonly<Record<string, unknown>>, options?: ErrorOptions) {
    super(message ?? errorCatalogue[code].summary, options);
    this.code = code;
    this.details = details;
  }

  get remedy(): string {
    return errorCatalogue[this.code].remedy;
  }

  toWire(correlationId?: string): WireError {
    const { rpcCode, retryable, remedy } = errorCatalogue[this.code];
    return {
      code: rpcCode,
      message: this.message,
      data: {
        code: this.code,
        retryable,
        remedy,
        ...(correlationId === undefined ? {} : { correlation_id: correlationId }),
        ...(this.details === undefined ? {} : { details: this.details }),
      },
    };
  }
}
