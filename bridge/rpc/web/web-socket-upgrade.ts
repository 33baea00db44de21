import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { Principal } from "@armorclaw/protocol";
import { BridgeError, type ErrorCode } from "@armorclaw/protocol/errors";
import type { WebSocket, WebSocketServer } from "ws";
import type { Logger } from "../../logging/index.ts";
import { readFirstMessage } from "../listen/first-message.ts";
import { sealedLines } from "../listen/sealed-lines.ts";
import type { LineServer } from "../ports/line-server.ts";
import { type Authenticator, addressOf, bearerOf } from "./authenticator.ts";
import { type CloseFrame, webSocketDuplex } from "./web-socket-duplex.ts";

export const subprotocol = "armorclaw.jsonrpc.v1";

export interface WebSocketUpgradeOptions {
  /** Pages that may connect, e.g. `https://dashboard.example.org`. What is no browser sends no Origin. */
  readonly origins: readonly string[];
  readonly messageBytesMax: number;
  /** Every message is sealed under it. */
  readonly sealKey?: Uint8Array | undefined;
  readonly rpc: LineServer;
  readonly authenticator: Authenticator;
  readonly logger: Logger;
}

export interface WebSocketUpgrade {
  readonly server: WebSocketServer;
  /** Never rejects. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void>;
}

/** Close codes of WebSocket. Those from 4000 are the application's. */
const normal = 1000;
const policyViolation = 1008;
const closeCodes: Readonly<Partial<Record<ErrorCode, number>>> = {
  SHUTTING_DOWN: 1001,
  FRAME_TOO_LARGE: 1009,
  UNAUTHENTICATED: 4401,
  CANCELLED: 4401,
  TIMED_OUT: 4408,
  TOO_MANY_CONNECTIONS: 4429,
  RATE_LIMITED: 4429,
  ISSUER_UNAVAILABLE: 4503,
};
const reasonBytesMax = 123;

/** The close frame for what the bridge ends a connection with. Its reason is the error's code. */
const closeFrameOf = ({ code }: BridgeError): CloseFrame => ({
  code: closeCodes[code] ?? policyViolation,
  reason: code.slice(0, reasonBytesMax),
});

export async function createWebSocketUpgrade(options: WebSocketUpgradeOptions): Promise<WebSocketUpgrade> {
  const { WebSocketServer } = await import("ws");
  const server = new WebSocketServer({
    noServer: true,
    // Base64 takes four characters for three bytes, and a seal adds its tag.
    maxPayload:
      options.sealKey === undefined ? options.messageBytesMax : Math.ceil(options.messageBytesMax * 1.34) + 64,
    perMessageDeflate: false,
    handleProtocols: () => subprotocol,
  });
  return {
    server,
    async upgrade(request, socket, head) {
      const header = request.headers.authorization;
      try {
        assertOrigin(request.headers.origin, options.origins);
        assertSubprotocol(request.headers["sec-websocket-protocol"]);
        // A wrong token is refused before there is a WebSocket; without one, the first message is to tell.
        const principal = header === undefined ? undefined : await authenticate(options, bearerOf(header), request);
        server.handleUpgrade(
          request,
          socket,
          head,
          (webSocket) => void welcome(options, webSocket, request, principal),
        );
      } catch (error) {
        options.logger.warn({ error, address: addressOf(request) }, "A WebSocket was refused");
        socket.end(`HTTP/1.1 ${statusLine(error)}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
      }
    },
  };
}

const authenticate = (
  { authenticator }: WebSocketUpgradeOptions,
  token: string | undefined,
  request: IncomingMessage,
) => authenticator.authenticate(token, addressOf(request));

function assertOrigin(origin: string | undefined, allowed: readonly string[]): void {
  if (origin !== undefined && !allowed.includes(origin))
    throw new BridgeError("FORBIDDEN", `Pages of ${origin.slice(0, 100)} may not connect`);
}

function assertSubprotocol(header: string | undefined): void {
  const offered = header?.split(",").map((name) => name.trim());
  if (offered?.includes(subprotocol) !== true)
    throw new BridgeError("INVALID_REQUEST", `The subprotocol ${subprotocol} is to be asked for`);
}

function statusLine(error: unknown): string {
  const code = error instanceof BridgeError ? error.code : "INTERNAL";
  if (code === "UNAUTHENTICATED") return "401 Unauthorized";
  if (code === "RATE_LIMITED") return "429 Too Many Requests";
  if (code === "FORBIDDEN") return "403 Forbidden";
  if (code === "ISSUER_UNAVAILABLE") return "503 Service Unavailable";
  return code === "INVALID_REQUEST" ? "400 Bad Request" : "500 Internal Server Error";
}

async function welcome(
  options: WebSocketUpgradeOptions,
  socket: WebSocket,
  request: IncomingMessage,
  known: Principal | undefined,
): Promise<void> {
  // Without a listener, an error of this socket would crash the process.
  socket.on("error", () => undefined);
  let closing: CloseFrame = { code: normal, reason: "" };
  const onEnding = (reason: BridgeError) => {
    closing = closeFrameOf(reason);
  };
  const lines = linesOf(
    options,
    webSocketDuplex(socket, () => closing),
    request,
  );
  const principal = known ?? (await firstMessage(options, socket, lines, request));
  if (principal !== undefined) options.rpc.attach(lines, principal, onEnding);
  // Unread input of a refused peer would block the closing handshake.
  else lines.resume();
}

function linesOf({ sealKey, logger }: WebSocketUpgradeOptions, plain: Duplex, request: IncomingMessage): Duplex {
  if (sealKey === undefined) return plain;
  return sealedLines(plain, sealKey, {
    onRefused: (reason) =>
      logger.warn({ reason: reason.message, address: addressOf(request) }, "A sealed connection was closed"),
  });
}

/** @returns the peer's identity from the first message; undefined when it was refused */
async function firstMessage(
  options: WebSocketUpgradeOptions,
  socket: WebSocket,
  lines: Duplex,
  request: IncomingMessage,
): Promise<Principal | undefined> {
  const welcome = await readFirstMessage(lines, (token) => authenticate(options, token, request));
  if ("principal" in welcome) {
    lines.write(`${welcome.answer}\n`);
    return welcome.principal;
  }
  const { refusal } = welcome;
  options.logger.warn({ error: refusal, address: addressOf(request) }, "A WebSocket was refused");
  const { code, reason } = closeFrameOf(refusal);
  const close = () => socket.close(code, reason);
  if (lines.destroyed) close();
  else lines.write(`${welcome.answer}\n`, close);
  return undefined;
}
