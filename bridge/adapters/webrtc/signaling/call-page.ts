import { readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createRequire } from "node:module";
import type { Duplex } from "node:stream";
import type * as Ws from "ws";
import type { WebSocket, WebSocketServer } from "ws";
import type { Clock } from "../../../platform/clock.ts";
import type { Calls } from "../calls/calls.ts";
import { Signaling } from "./signaling.ts";
import { signalingProtocol } from "./signaling-messages.ts";

const messageBytesMax = 64 * 1024;
/** Connections without a hello count too. */
const connectionsMax = 200;
const signalingPath = "/call/signaling";

/** The page may connect to its own origin and use the microphone, and nothing else. */
const headers = {
  "cache-control": "no-store",
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; media-src 'self' blob: mediastream:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "permissions-policy": "microphone=(self), camera=(), geolocation=()",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

const files: Readonly<Record<string, { readonly at: URL; readonly type: string }>> = {
  "/call/": { at: new URL("../page/call.html", import.meta.url), type: "text/html; charset=utf-8" },
  "/call/call.css": { at: new URL("../page/call.css", import.meta.url), type: "text/css; charset=utf-8" },
  "/call/call.mjs": { at: new URL("../page/call.mjs", import.meta.url), type: "text/javascript; charset=utf-8" },
  "/call/bridge-call.mjs": {
    at: new URL("../page/bridge-call.mjs", import.meta.url),
    type: "text/javascript; charset=utf-8",
  },
};

export interface CallPageOptions {
  readonly calls: Calls;
  readonly clock: Clock;
  /** Origins of other pages that may open signaling, e.g. `https://app.example.org`. The bridge's own origin always may. */
  readonly origins: readonly string[];
}

/** The call page and the signaling behind it, for an HTTP server to mount under `/call`. */
export class CallPage {
  readonly #options: CallPageOptions;
  readonly #connections = new Map<string, Signaling>();
  #made: WebSocketServer | undefined;

  constructor(options: CallPageOptions) {
    this.#options = options;
  }

  /** The server is made for the first call: `ws` takes 5 MB. */
  get #server(): WebSocketServer {
    const { WebSocketServer: Server } = createRequire(import.meta.url)("ws") as typeof Ws;
    this.#made ??= new Server({
      noServer: true,
      maxPayload: messageBytesMax,
      perMessageDeflate: false,
      handleProtocols: () => signalingProtocol,
    });
    return this.#made;
  }

  /** Whether the request's path belongs to the call page. */
  owns({ url = "" }: IncomingMessage): boolean {
    const path = pathOf(url);
    return path === "/call" || path.startsWith("/call/");
  }

  request(request: IncomingMessage, response: ServerResponse): void {
    const file = files[pathOf(request.url ?? "") === "/call" ? "/call/" : pathOf(request.url ?? "")];
    if (request.method !== "GET" && request.method !== "HEAD") response.writeHead(405, { allow: "GET, HEAD" }).end();
    else if (pathOf(request.url ?? "") === "/call") response.writeHead(308, { location: "/call/" }).end();
    else if (file === undefined) response.writeHead(404, headers).end();
    else {
      const body = readFileSync(file.at);
      response.writeHead(200, { ...headers, "content-type": file.type, "content-length": body.length });
      response.end(request.method === "HEAD" ? undefined : body);
    }
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { records } = this.#options.calls;
    const why = this.#objection(request);
    if (why !== undefined) {
      const address = request.socket.remoteAddress ?? "";
      records.noteRefusal({ event: "signaling.refused", detail: { why, address } });
      const status =
        why === "origin" ? "403 Forbidden" : why === "full" ? "503 Service Unavailable" : "400 Bad Request";
      socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    this.#server.handleUpgrade(request, socket, head, (webSocket) => this.#welcome(webSocket));
  }

  close(): void {
    for (const socket of this.#server.clients) socket.terminate();
  }

  #objection({ url = "", headers: sent }: IncomingMessage): "path" | "origin" | "protocol" | "full" | undefined {
    if (pathOf(url) !== signalingPath) return "path";
    if (!this.#isAllowed(sent.origin, sent.host)) return "origin";
    const offered = (sent["sec-websocket-protocol"] ?? "").split(",").map((name) => name.trim());
    if (!offered.includes(signalingProtocol)) return "protocol";
    return this.#server.clients.size >= connectionsMax ? "full" : undefined;
  }

  /** Browsers always send an Origin. A client without one is no page that a person was lured to. */
  #isAllowed(origin: string | undefined, host: string | undefined): boolean {
    if (origin === undefined || this.#options.origins.includes(origin)) return true;
    return URL.parse(origin)?.host === host;
  }

  #welcome(socket: WebSocket): void {
    const { calls, clock } = this.#options;
    const peer = {
      send: (text: string) => {
        // A peer that reads nothing is dropped before its backlog grows further.
        if (socket.bufferedAmount > messageBytesMax * 4) socket.terminate();
        else socket.send(text);
      },
      close: (code: number, reason: string) => socket.close(code, reason.slice(0, 100)),
    };
    const signaling = new Signaling(calls, clock, peer, this.#connections);
    // An error is always followed by `close`.
    socket.on("error", () => undefined);
    socket.on("message", (data, isBinary) => {
      if (isBinary) socket.close(1003);
      else signaling.message((data as Buffer).toString());
    });
    socket.once("close", () => signaling.closed());
  }
}

const pathOf = (url: string): string => url.split(/[?#]/, 1)[0] ?? "";
