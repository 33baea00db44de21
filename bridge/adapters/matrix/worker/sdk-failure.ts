import { ConnectionError, MatrixError } from "matrix-js-sdk";
import type { WorkerFailure } from "../protocol/worker-protocol.ts";
import { AttachmentError } from "./attachment.ts";

/** Something that passes by itself: the link is not live yet, or the room's members are not all known. */
export class NotReady extends Error {}

/** Something that the homeserver was not even asked for. */
export class Refused extends Error {}

/** The SDK's many errors as the few that a caller can act on. */
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
    // A malformed Retry-After header says nothing.
    return 1000;
  }
}

/** What `fetch` itself throws, and what an abort makes of it. */
const isNetworkError = (error: unknown): boolean =>
  error instanceof TypeError || (error instanceof Error && ["AbortError", "TimeoutError"].includes(error.name));
