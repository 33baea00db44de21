import { once } from "node:events";
import { join } from "node:path";
import { WebSocket } from "ws";
import { ApiTokens, scopePolicy, tokenMigrations } from "../../../bridge/access/index.ts";
import { silentLogger } from "../../../bridge/logging/index.ts";
import { systemClock } from "../../../bridge/platform/clock.ts";
import { createAuthenticator, type VerifyJwt } from "../../../bridge/rpc/web/authenticator.ts";
import { createWebListener, type WebListener, type WebListenerOptions } from "../../../bridge/rpc/web/web-listener.ts";
import { subprotocol } from "../../../bridge/rpc/web/web-socket-upgrade.ts";
import { Store } from "../../../bridge/store/index.ts";
import { tempDirectory } from "../temp.ts";
import { type Served, type ServeOptions, serveFixtures } from "./serve.ts";

export interface OpenListener extends AsyncDisposable {
  readonly served: Served;
  readonly tokens: ApiTokens;
  readonly listener: WebListener;
  /** Moves the clock that tokens are checked against. */
  readonly time: { ms: number };
  /** Creates a viewer's token. */
  mint(scope?: Partial<Parameters<ApiTokens["create"]>[0]>): Promise<string>;
}

export const dashboard = "https://dashboard.example.org";

/** The fixture methods behind a TCP listener for both HTTP and WebSocket. */
export async function openWebListener(
  overrides: Partial<WebListenerOptions> & { readonly verifyJwt?: VerifyJwt; readonly serve?: ServeOptions } = {},
): Promise<OpenListener> {
  const { verifyJwt, serve = {}, ...options } = overrides;
  await using stack = new AsyncDisposableStack();
  const directory = stack.use(tempDirectory());
  const store = stack.use(new Store(join(directory.path, "t.db"), tokenMigrations, "2026-01-01T00:00:00Z"));
  const served = stack.use(await serveFixtures({ policy: scopePolicy, ...serve }));
  const time = { ms: 1_000_000 };
  const tokens = new ApiTokens(store, { now: () => time.ms });
  const rpc = served.server;
  const front = { rpc, health: () => ({ status: "ok" }), metrics: async () => "up 1\n", bodyBytesMax: 1_000_000 };
  const listener = createWebListener({
    name: "web listener",
    address: "127.0.0.1:0",
    tls: undefined,
    http: front,
    webSocket: { origins: [dashboard], messageBytesMax: 1_000_000 },
    rpc,
    authenticator: createAuthenticator(tokens, verifyJwt, systemClock),
    logger: silentLogger,
    ...options,
  });
  await listener.start();
  stack.defer(() => listener.stop());
  const owned = stack.move();
  const base = {
    role: "viewer",
    methods: undefined,
    channels: undefined,
    agents: undefined,
    addresses: undefined,
  } as const;
  let minted = 0;
  return {
    served,
    tokens,
    listener,
    time,
    async mint(scope = {}) {
      minted += 1;
      const fields = { ...base, name: `t-${minted}`, expiresAt: undefined, ...scope };
      return (await tokens.create(fields, { kind: "user", id: "user:0", uid: 0, role: "admin" })).token;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** A WebSocket whose messages are collected. */
export interface WebPeer extends AsyncDisposable {
  readonly socket: WebSocket;
  /** Sends a value and returns the next message. */
  ask(value: unknown): Promise<Record<string, unknown>>;
  next(): Promise<Record<string, unknown>>;
  /** The code that it was closed with. */
  closed(): Promise<number>;
}

export async function openWebSocket(
  port: number,
  options: { readonly token?: string; readonly origin?: string; readonly protocols?: string[] } = {},
): Promise<WebPeer> {
  const { token, origin, protocols = [subprotocol] } = options;
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const socket = new WebSocket(`ws://127.0.0.1:${port}`, protocols, {
    headers,
    ...(origin === undefined ? {} : { origin }),
  });
  const messages: string[] = [];
  let wake: () => void = () => undefined;
  socket.on("message", (data) => {
    messages.push(String(data));
    wake();
  });
  const closed = new Promise<number>((resolve) => socket.once("close", resolve));
  await once(socket, "open");
  socket.on("error", () => undefined);
  const next = async () => {
    while (messages.length === 0)
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    return JSON.parse(messages.shift() ?? "") as Record<string, unknown>;
  };
  return {
    socket,
    next,
    ask(value) {
      socket.send(JSON.stringify(value));
      return next();
    },
    closed: () => closed,
    async [Symbol.asyncDispose]() {
      socket.terminate();
      await closed;
    },
  };
}
