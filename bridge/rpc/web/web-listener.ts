import { readFileSync } from "node:fs";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { BridgeError } from "@armorclaw/protocol/errors";
import type { WebSocketServer } from "ws";
import type { Logger } from "../../logging/index.ts";
import { readSealKey } from "../../platform/os/seal-key.ts";
import { untrusted } from "../../platform/os/trusted-file.ts";
import { type HttpFrontOptions, type HttpHandler, httpHandler } from "../http/http-front.ts";
import type { LineServer } from "../ports/line-server.ts";
import type { Service } from "../ports/service.ts";
import { type Authenticator, addressOf, bearerOf } from "./authenticator.ts";
import { assertOwnHost } from "./own-host.ts";
import { createWebSocketUpgrade, type WebSocketUpgrade } from "./web-socket-upgrade.ts";

/** Serves paths without an API token. The site authenticates its own peers. */
export interface WebSite {
  owns(request: IncomingMessage): boolean;
  request(request: IncomingMessage, response: ServerResponse): void;
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Ends its connections. */
  close(): void;
}

export interface WebListenerOptions {
  readonly name: string;
  /** `host:port`, e.g. `127.0.0.1:7878` or `[::1]:7878`. */
  readonly address: string;
  /** PEM files. They are required for an address beyond loopback. */
  readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined;
  /** What it serves. */
  readonly http: HttpFrontOptions | undefined;
  readonly webSocket:
    | {
        readonly origins: readonly string[];
        readonly messageBytesMax: number;
        /** Holds the key that every message is sealed under. For a listener on loopback. */
        readonly sealKeyFile?: string | undefined;
      }
    | undefined;
  /** Pages of other origins that may make HTTP requests. */
  readonly origins?: readonly string[];
  readonly site?: WebSite | undefined;
  readonly rpc: LineServer;
  readonly authenticator: Authenticator;
  readonly logger: Logger;
}

export interface WebListener extends Service {
  /** The port while the listener is started. */
  readonly port: number;
  /** The URL of the listener while it is started. */
  readonly url: string | undefined;
}

/** The deadlines for the head of a request and for the whole request. */
const headDeadlineMs = 10_000;
const requestDeadlineMs = 60_000;
/** The most open sockets of all peers. */
const connectionsMax = 2_048;
/** The WebSocket close code of a server that stops, and the time for a peer to answer it. */
const goingAway = 1001;
const closeDeadlineMs = 1_000;

/** Creates a TCP listener for HTTP, WebSocket or both. Every peer has to show a token. */
export function createWebListener(options: WebListenerOptions): WebListener {
  return new HttpListener(options);
}

class HttpListener implements WebListener {
  readonly name: string;
  readonly #options: WebListenerOptions;
  #server: Server | undefined;
  #webSockets: WebSocketServer | undefined;
  #port = 0;

  constructor(options: WebListenerOptions) {
    this.name = options.name;
    this.#options = options;
  }

  get port(): number {
    return this.#port;
  }

  get url(): string | undefined {
    if (this.#server === undefined) return undefined;
    const { address, tls } = this.#options;
    return `${tls === undefined ? "http" : "https"}://${address.replace(/:\d+$/, "")}:${this.#port}`;
  }

  async start(): Promise<void> {
    const { address, tls, logger, http, webSocket } = this.#options;
    const { host, port } = parseAddress(address);
    if (tls === undefined && !isLoopback(host))
      throw new BridgeError("CONFIG_INVALID", `${this.name}: ${address} is not a loopback address, so TLS is required`);
    const handle = http === undefined ? nothingHere : httpHandler(http, (request) => this.#principalOf(request));
    const server = await createServer(tls, this.#withSite(handle));
    server.headersTimeout = headDeadlineMs;
    server.requestTimeout = requestDeadlineMs;
    server.maxConnections = connectionsMax;
    await this.#serveUpgrades(server, webSocket);
    await new Promise<void>((resolve, reject) => {
      const onError = (error: NodeJS.ErrnoException) => reject(listenFailure(this.name, address, error));
      server.once("error", onError);
      server.listen(port, host, () => {
        server.off("error", onError);
        resolve();
      });
    });
    server.on("error", (error) => logger.error({ error, listener: this.name }, "A connection could not be accepted"));
    const bound = server.address();
    this.#port = typeof bound === "object" && bound !== null ? bound.port : port;
    this.#server = server;
    logger.info({ listener: this.name, host, port: this.#port, tls: tls !== undefined }, "A listener is open");
  }

  /** Takes no more connections; calls in flight are the server's to drain. */
  async drain(): Promise<void> {
    this.#server?.close();
    this.#server?.closeIdleConnections();
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    const clients = this.#webSockets?.clients;
    for (const socket of clients ?? []) socket.close(goingAway, "SHUTTING_DOWN");
    // A peer that does not answer the close frame does not hold up the stop.
    AbortSignal.timeout(closeDeadlineMs).addEventListener("abort", () => {
      for (const socket of clients ?? []) socket.terminate();
    });
    this.#options.site?.close();
    if (server === undefined) return;
    const closed = new Promise<void>((resolve) => {
      if (server.listening) server.close(() => resolve());
      else resolve();
    });
    server.closeAllConnections();
    await closed;
  }

  #withSite(handle: HttpHandler): HttpHandler {
    const { site } = this.#options;
    return async (request, response) => {
      if (site?.owns(request) === true) site.request(request, response);
      else await handle(request, response);
    };
  }

  async #serveUpgrades(server: Server, settings: WebListenerOptions["webSocket"]): Promise<void> {
    const { rpc, authenticator, logger, site } = this.#options;
    if (settings === undefined && site === undefined) return;
    const sealKey =
      settings?.sealKeyFile === undefined
        ? undefined
        : readSealKey(settings.sealKeyFile, "listen.websocket.seal_key_file");
    const upgrade: WebSocketUpgrade | undefined =
      settings === undefined
        ? undefined
        : await createWebSocketUpgrade({ ...settings, sealKey, rpc, authenticator, logger });
    this.#webSockets = upgrade?.server;
    server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      // A failed handshake destroys the socket by itself.
      socket.on("error", () => undefined);
      if (site?.owns(request) === true) site.upgrade(request, socket, head);
      else if (upgrade === undefined) socket.destroy();
      else if (!this.#isOwnHost(request)) socket.end(forbidden);
      else void upgrade.upgrade(request, socket, head);
    });
  }

  async #principalOf(request: IncomingMessage) {
    this.#assertOwnHost(request);
    return await this.#options.authenticator.authenticate(bearerOf(request.headers.authorization), addressOf(request));
  }

  #isOwnHost(request: IncomingMessage): boolean {
    try {
      this.#assertOwnHost(request);
      return true;
    } catch (error) {
      this.#options.logger.warn({ error, address: addressOf(request) }, "A WebSocket was refused");
      return false;
    }
  }

  #assertOwnHost(request: IncomingMessage): void {
    const { address, tls, origins = [], webSocket } = this.#options;
    const rules = { boundHost: parseAddress(address).host.toLowerCase(), isTls: tls !== undefined };
    assertOwnHost(request, { ...rules, origins: [...origins, ...(webSocket?.origins ?? [])] });
  }
}

/** Why nothing listens at a configured address, as far as it has a name. */
function listenFailure(name: string, address: string, error: NodeJS.ErrnoException): Error {
  const options = { cause: error };
  if (error.code === "EADDRINUSE")
    return new BridgeError("ADDRESS_IN_USE", `${name}: another program listens at ${address}`, undefined, options);
  const why: Readonly<Record<string, string>> = {
    EACCES: "this user may not listen there; take a port from 1024",
    EADDRNOTAVAIL: "no network interface of this machine has the address",
    EAFNOSUPPORT: "this machine has no such kind of address",
    ENOTFOUND: "the name has no address",
    EAI_AGAIN: "the name could not be looked up",
  };
  const reason = error.code === undefined ? undefined : why[error.code];
  return reason === undefined
    ? error
    : new BridgeError("CONFIG_INVALID", `${name}: ${address}: ${reason}`, undefined, options);
}

async function createServer(tls: WebListenerOptions["tls"], handle: HttpHandler): Promise<Server> {
  const listener = (request: IncomingMessage, response: Parameters<HttpHandler>[1]) => void handle(request, response);
  if (tls === undefined) return (await import("node:http")).createServer(listener);
  const { createServer: createTlsServer } = await import("node:https");
  try {
    const pem = { cert: readFileSync(tls.certFile), key: readFileSync(tls.keyFile) };
    for (const file of [tls.certFile, tls.keyFile]) {
      const danger = untrusted(file);
      if (danger !== undefined) throw new BridgeError("CONFIG_INVALID", `${file} is not safe: ${danger}`);
    }
    return createTlsServer({ ...pem, minVersion: "TLSv1.3" }, listener);
  } catch (error) {
    if (error instanceof BridgeError) throw error;
    throw new BridgeError("CONFIG_INVALID", "The certificate or its key cannot be used", undefined, { cause: error });
  }
}

const forbidden = "HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

const nothingHere: HttpHandler = async (_, response) => {
  response.writeHead(426, { upgrade: "websocket", connection: "close" }).end("This listener serves only WebSocket\n");
};

function parseAddress(address: string): { host: string; port: number } {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(address) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || Number(port) > 65_535)
    throw new BridgeError("CONFIG_INVALID", `${address} is not a HOST:PORT to listen on`);
  return { host, port: Number(port) };
}

const isLoopback = (host: string): boolean => host === "localhost" || host === "::1" || /^127(?:\.\d+){3}$/.test(host);
