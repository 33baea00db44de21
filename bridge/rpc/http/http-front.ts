import type { IncomingMessage, ServerResponse } from "node:http";
import type { Principal } from "@armorclaw/protocol";
import { BridgeError, type ErrorCode } from "@armorclaw/protocol/errors";
import type { LineServer } from "../ports/line-server.ts";
import { httpExchange } from "./http-exchange.ts";

export interface HttpFrontOptions {
  readonly rpc: LineServer;
  /** What `GET /health` answers. */
  readonly health: (principal: Principal) => unknown;
  /** What `GET /metrics` answers, in Prometheus' text format. */
  readonly metrics: (principal: Principal) => Promise<string>;
  readonly bodyBytesMax: number;
}

/** Returns the principal of a request. Throws UNAUTHENTICATED or RATE_LIMITED. */
export type PrincipalOf = (request: IncomingMessage) => Principal | Promise<Principal>;
/** Answers one HTTP request. Never rejects. */
export type HttpHandler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

const statusOf: Partial<Record<ErrorCode, number>> = {
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  FRAME_TOO_LARGE: 413,
  RATE_LIMITED: 429,
  METHOD_NOT_FOUND: 404,
  INVALID_REQUEST: 405,
  ISSUER_UNAVAILABLE: 503,
};

/** Handles POST /rpc, GET /health and GET /metrics. */
export function httpHandler(options: HttpFrontOptions, principalOf: PrincipalOf): HttpHandler {
  return async (request, response) => {
    try {
      await route(options, request, response, await principalOf(request));
    } catch (error) {
      refuse(response, error instanceof BridgeError ? error : new BridgeError("INTERNAL"));
    }
  };
}

async function route(
  { rpc, health, metrics, bodyBytesMax }: HttpFrontOptions,
  request: IncomingMessage,
  response: ServerResponse,
  principal: Principal,
): Promise<void> {
  const { pathname } = new URL(request.url ?? "/", "http://bridge");
  const method = pathname === "/rpc" ? "POST" : ["/health", "/metrics"].includes(pathname) ? "GET" : undefined;
  if (method === undefined) throw new BridgeError("METHOD_NOT_FOUND", "There is /rpc, /health and /metrics");
  if (request.method !== method) throw new BridgeError("INVALID_REQUEST", `${pathname} takes ${method}`);
  if (pathname === "/rpc") {
    const body = await bodyOf(request, bodyBytesMax);
    rpc.attach(httpExchange(body, response), principal);
    return;
  }
  const isHealth = pathname === "/health";
  const body = isHealth ? `${JSON.stringify(await health(principal))}\n` : await metrics(principal);
  const type = isHealth ? "application/json" : "text/plain; version=0.0.4; charset=utf-8";
  response.writeHead(200, { "content-type": type, "content-length": Buffer.byteLength(body) }).end(body);
}

async function bodyOf(request: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > bytesMax) throw new BridgeError("FRAME_TOO_LARGE", `The body is longer than ${bytesMax} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/** Answers with an error and closes the connection: requests that were pipelined behind it expected another answer. */
function refuse(response: ServerResponse, error: BridgeError): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const retryAfterMs = error.details?.["retry_after_ms"];
  if (typeof retryAfterMs === "number") response.setHeader("retry-after", Math.ceil(retryAfterMs / 1000));
  if (error.code === "UNAUTHENTICATED") response.setHeader("www-authenticate", "Bearer");
  response.writeHead(statusOf[error.code] ?? 500, { "content-type": "application/json", connection: "close" });
  response.end(`${JSON.stringify({ jsonrpc: "2.0", id: null, error: error.toWire() })}\n`);
}
