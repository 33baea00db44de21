import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { methods, type Principal } from "@armorclaw/protocol";
import { BridgeError } from "@armorclaw/protocol/errors";
import type { WebSocket, WebSocketServer } from "ws";
import * as z from "zod";
import type { Logger } from "../../logging/logging.ts";
import { errorText, idText, resultText, unknownId } from "../envelope.ts";
import { type Authenticator, addressOf, bearerOf } from "./authenticator.ts";
import type { LineServer } from "./line-server.ts";
import { webSocketDuplex } from "./web-socket-duplex.ts";

export const subprotocol = "armorclaw.jsonrpc.v1";

export interface WebSocketDoorOptions {
  /** Pages that may connect, e.g. `https://dashboard.example.org`. What is no browser sends no Origin. */
  readonly origins: readonly string[];
  readonly messageBytesMax: number;
  readonly rpc: LineServer;
  readonly authenticator: Authenticator;
  readonly logger: Logger;
}

export interface WebSocketDoor {
  readonly server: WebSocketServer;
  /** Never rejects. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void>;
}

/** Time for the first message of a peer that has not shown a token in a header, and its most bytes. */
const firstMessageDeadlineMs = 10_000;
const firstMessageBytesMax = 16_384;
/** In the range that WebSocket leaves to applications. */
const closeUnauthenticated = 4401;

export async function createWebSocketDoor(options: WebSocketDoorOptions): Promise<WebSocketDoor> {
  const { WebSocketServer } = await import("ws");
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: options.messageBytesMax,
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

const authenticate = ({ authenticator }: WebSocketDoorOptions, token: string | undefined, request: IncomingMessage) =>
  authenticator.authenticate(token, addressOf(request));

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
  return code === "INVALID_REQUEST" ? "400 Bad Request" : "500 Internal Server Error";
}

async function welcome(
  options: WebSocketDoorOptions,
  socket: WebSocket,
  request: IncomingMessage,
  known: Principal | undefined,
): Promise<void> {
  // Without a listener an error of the peer's would be one of the process.
  socket.on("error", () => undefined);
  const lines = webSocketDuplex(socket);
  const principal = known ?? (await firstMessage(options, socket, lines, request));
  if (principal !== undefined) options.rpc.attach(lines, principal);
  // What a refused peer still sends is read away, up to the end of the closing handshake.
  else lines.resume();
}

const FirstMessage = z.object({
  jsonrpc: z.literal("2.0"),
  id: z.union([z.string(), z.number(), z.null()]).default(null),
  method: z.literal("rpc.authenticate"),
  params: methods["rpc.authenticate"].params,
});

/** @returns who it is, once the first message has told; undefined when it was refused */
async function firstMessage(
  options: WebSocketDoorOptions,
  socket: WebSocket,
  lines: Duplex,
  request: IncomingMessage,
): Promise<Principal | undefined> {
  let id = unknownId;
  try {
    const text = await firstLineOf(lines);
    const parsed = FirstMessage.safeParse(JSON.parse(text));
    if (!parsed.success) throw new BridgeError("UNAUTHENTICATED", "The first message has to be rpc.authenticate");
    id = idText(parsed.data.id);
    const principal = await authenticate(options, parsed.data.params.token, request);
    socket.send(resultText(id, JSON.stringify({ principal: principal.id, role: principal.role })));
    return principal;
  } catch (error) {
    const refusal = error instanceof BridgeError ? error : new BridgeError("UNAUTHENTICATED");
    options.logger.warn({ error: refusal, address: addressOf(request) }, "A WebSocket was refused");
    socket.send(errorText(id, refusal.toWire()));
    socket.close(closeUnauthenticated, refusal.code);
    return undefined;
  }
}

/** What follows the line stays in the stream. */
async function firstLineOf(lines: Duplex): Promise<string> {
  const deadline = AbortSignal.timeout(firstMessageDeadlineMs);
  let text = Buffer.alloc(0);
  while (text.length <= firstMessageBytesMax) {
    const piece = lines.read() as Buffer | null;
    if (piece === null) {
      if (lines.destroyed || lines.readableEnded) throw new BridgeError("CANCELLED");
      await once(lines, "readable", { signal: deadline });
      continue;
    }
    text = Buffer.concat([text, piece]);
    const end = text.indexOf("\n");
    if (end === -1) continue;
    if (end + 1 < text.length) lines.unshift(text.subarray(end + 1));
    return text.toString("utf8", 0, end);
  }
  throw new BridgeError("FRAME_TOO_LARGE");
}
