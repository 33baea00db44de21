import { mkdtemp, rm } from "node:fs/promises";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AnyMethod, Principal } from "@armorclaw/protocol";
import type { Logger } from "../../../bridge/logging/index.ts";
import { sharedReads } from "../../../bridge/patches/node/shared-reads.ts";
import { systemClock } from "../../../bridge/platform/clock.ts";
import { loadNativeCalls } from "../../../bridge/platform/os/peer-credentials.ts";
import type { AnyHandler, RpcServer, RpcServerOptions, ServedMethods } from "../../../bridge/rpc/index.ts";
import { builtinHandlers, builtinMethods, createMethodTable, createRpcServer } from "../../../bridge/rpc/index.ts";
import { serveSocket } from "../../../bridge/rpc/listen/socket-server.ts";
import { fixtureContract, fixtureHandlers } from "./fixture-methods.ts";
import { WireClient } from "./wire-client.ts";

export interface Served extends AsyncDisposable {
  readonly path: string;
  readonly server: RpcServer;
  /** The server's log, newest last. */
  readonly log: { readonly level: string; readonly fields: Record<string, unknown>; readonly message: string }[];
}

export interface ServeOptions extends Partial<RpcServerOptions>, Partial<ServedMethods> {
  readonly methods?: Readonly<Record<string, readonly [AnyMethod, AnyHandler]>>;
  /** Whose each connection is; an admin's when left out. */
  readonly principal?: Principal | (() => Principal);
}

const admin: Principal = { kind: "user", id: "user:0", uid: 0, role: "admin" };

/** Serves the fixture methods, and the given ones, on a new socket. */
export async function serveFixtures({
  methods = {},
  principal = admin,
  policy = {},
  pages,
  table,
  ...options
}: ServeOptions = {}): Promise<Served> {
  const directory = await mkdtemp(join(tmpdir(), "wire-"));
  const path = join(directory, "s.sock");
  const log: Served["log"] = [];
  const note = (level: string) => (fields: object, message: string) => {
    log.push({ level, fields: fields as Record<string, unknown>, message });
  };
  const logger: Logger = { debug: note("debug"), info: note("info"), warn: note("warn"), error: note("error") };
  const own = Object.entries(methods);
  const contract = {
    ...fixtureContract,
    ...builtinMethods,
    ...Object.fromEntries(own.map(([name, [spec]]) => [name, spec])),
  };
  const handlers = {
    ...fixtureHandlers(systemClock),
    ...builtinHandlers("0.0.0", contract),
    ...Object.fromEntries(own.map(([name, [, handler]]) => [name, handler])),
  };
  const native = loadNativeCalls();
  const server = createRpcServer({ logger, clock: systemClock, hasHungUp: native?.hasHungUp, ...options });
  server.serve({ table: table ?? createMethodTable(contract, handlers), policy, pages });
  const attach = (socket: Socket) => server.attach(socket, typeof principal === "function" ? principal() : principal);
  const socketServer = await serveSocket(path, attach, { logger, reads: sharedReads() });
  return {
    path,
    server,
    log,
    async [Symbol.asyncDispose]() {
      await socketServer.close();
      await server.close();
      await rm(directory, { recursive: true });
    },
  };
}

/** Does the same, and connects a client. */
export async function openWire(options: ServeOptions = {}) {
  const stack = new AsyncDisposableStack();
  const served = stack.use(await serveFixtures(options));
  const client = stack.use(await WireClient.open(served.path));
  return { ...served, client, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

/** Rejects with the reason when its call is aborted. */
export const hang: AnyHandler = (_, call) =>
  new Promise((_, reject) => call.signal.addEventListener("abort", () => reject(call.signal.reason)));
