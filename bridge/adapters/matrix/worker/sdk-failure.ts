import { ConnectionError, MatrixError } from "matrix-js-sdk";
import type { WorkerFailure } from "../protocol/worker-protocol.ts";
import { AttachmentError } from "./attachment.ts";

/** A temporary condition: the sync is not live yet, or not all members of the room are known. */
export class NotReady extends Error {}

/** The worker refused the request without asking the homeserver. */
export class Refused extends Error {}

/** Maps the SDK's errors to the few kinds that a caller can act on. */
export function sdkFailure(error: unknown): WorkerFailure {
  const message = error instanceof Error ? error.message.slice(0, 300) : String(error);
  if (error instanceof NotReady) return { kind: "not_ready", message };
  if (error instanceof Refused || error instanceof AttachmentError) return { kind: "refused", message };
  if (error instanceof MatrixError) return serverFailure(error, message);
  if (error instanceof ConnectionError || isNetworkError(error)) return { kind: "unreachable", message };
  return { kind: "bug", message };
}

function serverFailure(error: MatrixError, message: string): WorkerFailure {
  const status = error.httpStatus ?? 0;
  if (error.isRateLimitError() || status === 429) {
    return { kind: "rate_limited", message, retryAfterMs: retryAfterMs(error) };
  }
  if (error.errcode === "M_UNKNOWN_TOKEN") return { kind: "logged_out", message };
  if (status === 408 || status === 0 || status >= 500) return { kind: "unreachable", message };
  return { kind: "refused", message: `${error.errcode ?? status}: ${message}` };
}

function retryAfterMs(error: MatrixError): number {
  const inBody: unknown = error.data["retry_after_ms"];
  try {
    return Math.max(50, error.getRetryAfterMs() ?? (typeof inBody === "number" ? inBody : 1000));
  } catch {
    // The Retry-After header is malformed.
    return 1000;
  }
}

/** Errors of `fetch` itself and of its abort signal. */
const isNetworkError = (error: unknown): boolean =>
  error instanceof TypeError || (error instanceof Error && ["AbortError", "TimeoutError"].includes(error.name));
