import type { ServerResponse } from "node:http";
import { BridgeError, type ErrorCode, errorCatalogue } from "@armorclaw/protocol/errors";
import type { DialectError, EndpointDialect } from "../codecs/dialect.ts";
import { encodeSse } from "../codecs/sse.ts";

/**
 * The status of each error at the model endpoint. None but a wrong key is 401 or 403: coding agents take those for a failed log-in and
 * hide the message. What a wait cures is 429.
 */
const statuses: Readonly<Partial<Record<ErrorCode, number>>> = {
  UNAUTHENTICATED: 401,
  METHOD_NOT_FOUND: 404,
  LLM_MODEL_NOT_FOUND: 404,
  LLM_MODEL_NOT_ALLOWED: 404,
  FRAME_TOO_LARGE: 413,
  TOO_MANY_IN_FLIGHT: 429,
  RATE_LIMITED: 429,
  RUNAWAY_LIMIT: 429,
  NO_NEW_INPUT: 429,
  LLM_PROVIDER_REFUSED: 502,
  LLM_PROVIDER_UNAVAILABLE: 503,
  LLM_STREAM_FAILED: 502,
  LLM_CUT: 502,
  TIMED_OUT: 504,
  SHUTTING_DOWN: 503,
  STORE_FULL: 503,
  STORE_BUSY: 503,
  STORE_FAILED: 500,
  INTERNAL: 500,
};

/** The caller itself is over a limit that ends soon, so that its SDK may try again. Elsewhere the bridge has tried as often as is useful. */
const retried: ReadonlySet<ErrorCode> = new Set(["TOO_MANY_IN_FLIGHT", "RATE_LIMITED"]);
const defaultRetryAfterMs = 1_000;

/** Answers a request that failed, in the caller's dialect. Both official SDKs read `x-should-retry`. */
export function answerError(response: ServerResponse, dialect: EndpointDialect, error: unknown): void {
  const known = error instanceof BridgeError ? error : new BridgeError("INTERNAL");
  const status = statuses[known.code] ?? 400;
  const described = describe(known, status);
  if (response.headersSent) {
    // The answer has begun, so the error is its last event.
    response.end(encodeSse(dialect.errorEvent(described)));
    return;
  }
  const isRetried = retried.has(known.code);
  const retryAfterMs = Number(known.details?.["retry_after_ms"] ?? (isRetried ? defaultRetryAfterMs : 0));
  response.writeHead(status, {
    "content-type": "application/json",
    "x-should-retry": String(isRetried),
    // The rest of a request that is refused before its end is not read.
    ...(response.req.complete ? {} : { connection: "close" }),
    ...(retryAfterMs > 0 ? { "retry-after": String(Math.ceil(retryAfterMs / 1_000)) } : {}),
  });
  response.end(JSON.stringify(dialect.encodeError(described)));
}

const describe = ({ code, message, details }: BridgeError, status: number): DialectError => ({
  status,
  code: code.toLowerCase(),
  message,
  remedy: errorCatalogue[code].remedy,
  details,
});
