import { BridgeError, type ErrorCode, errorCatalogue } from "@armorclaw/protocol/errors";

/**
 * Why a call failed on this side of the wire.
 * - `NOT_CONNECTED`: no bridge could be reached; the call was never sent.
 * - `CLOSED`: the connection ended after the call was sent (it may have taken effect), or the client was closed.
 * - `TIMEOUT`: the call's deadline passed. `CANCELLED`: its signal aborted, or its stream was left.
 * - `FRAME_TOO_LARGE`: the line is longer than the limit. `QUEUE_FULL`: the send queue or a consumer's queue is full.
 */
export type ConnectionErrorCode =
  | "NOT_CONNECTED"
  | "TIMEOUT"
  | "CLOSED"
  | "FRAME_TOO_LARGE"
  | "QUEUE_FULL"
  | "CANCELLED";

/** A failure of this client or its connection. Never comes from the bridge and is never sent to it. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";
  readonly code: ConnectionErrorCode;

  constructor(code: ConnectionErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** An error answer whose code this client's catalogue does not know, as a newer bridge may send. */
export class RemoteError extends Error {
  override readonly name = "RemoteError";
  /** The wire's `data.code`; `UNKNOWN` when the answer carries none. */
  readonly code: string;
  readonly rpcCode: number;
  readonly data: unknown;
  readonly retryable: boolean;
  readonly correlationId: string | undefined;

  constructor(message: string, rpcCode: number, data: unknown) {
    super(message);
    const fields = record(data);
    this.code = typeof fields["code"] === "string" ? fields["code"] : "UNKNOWN";
    this.rpcCode = rpcCode;
    this.data = data;
    this.retryable = fields["retryable"] === true;
    this.correlationId = text(fields["correlation_id"]);
  }
}

/** A catalogue error as the bridge answered it: with the id under which the bridge's log has it. */
export type ReceivedBridgeError = BridgeError & {
  readonly retryable: boolean;
  readonly correlationId: string | undefined;
};

/** The `error` member of an answer, as an exception. */
export function errorFromWire(wire: {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}): ReceivedBridgeError | RemoteError {
  const data = record(wire.data);
  const code = data["code"];
  if (typeof code !== "string" || !Object.hasOwn(errorCatalogue, code)) {
    return new RemoteError(wire.message, wire.code, wire.data);
  }
  const known = code as ErrorCode;
  const details = data["details"] === undefined ? undefined : record(data["details"]);
  return Object.assign(new BridgeError(known, wire.message, details), {
    retryable: typeof data["retryable"] === "boolean" ? data["retryable"] : errorCatalogue[known].retryable,
    correlationId: text(data["correlation_id"]),
  });
}

const record = (value: unknown): Record<string, unknown> =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};

const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);
