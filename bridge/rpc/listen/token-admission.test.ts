import type { Socket } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { tempDirectory } from "../../../tests/support/temp.ts";
import { until } from "../../../tests/support/until.ts";
import { WireClient } from "../../../tests/support/wire/wire-client.ts";
import { silentLogger } from "../../logging/index.ts";
import { systemClock } from "../../platform/clock.ts";
import { builtinHandlers, builtinMethods, createMethodTable, createRpcServer } from "../index.ts";
import { ownUser } from "./identity.ts";
import { serveSocket } from "./socket-server.ts";
import { createTokenAdmission } from "./token-admission.ts";

/** A socket that behaves like a pipe on Windows: only the token identifies its peers. */
async function serve() {
  await using stack = new AsyncDisposableStack();
  const { path: directory } = stack.use(tempDirectory());
  const path = join(directory, "s");
  const table = createMethodTable(builtinMethods, builtinHandlers("0.0.0", builtinMethods));
  const server = createRpcServer({ logger: silentLogger, clock: systemClock });
  server.serve({ table });
  stack.defer(() => server.close());
  const counts = { refused: 0 };
  const onRefused = () => {
    counts.refused += 1;
  };
  const principal = ownUser(0);
  const admission = createTokenAdmission({ token: "right", principal, server, logger: silentLogger, onRefused });
  const sockets = new Set<Socket>();
  const listening = await serveSocket(
    path,
    (socket) => {
      sockets.add(socket);
      admission.admit(socket);
    },
    { logger: silentLogger },
  );
  stack.defer(() => listening.close());
  stack.defer(() => {
    for (const socket of sockets) socket.destroy();
  });
  const all = stack.move();
  return { path, admission, counts, server, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

const authenticate = (token: unknown) =>
  JSON.stringify({ jsonrpc: "2.0", id: 9, method: "rpc.authenticate", params: { token } });

describe("a listener that knows its peers by a token", () => {
  test("admits a peer whose first line is the token, and serves what follows in the same bytes", async () => {
    await using listener = await serve();
    await using peer = await WireClient.open(listener.path);
    peer.send(`${authenticate("right")}\n{"jsonrpc":"2.0","id":10,"method":"rpc.ping"}`);
    expect(await peer.next()).toEqual({ jsonrpc: "2.0", id: 9, result: { principal: "user:0", role: "admin" } });
    expect(await peer.next()).toEqual({ jsonrpc: "2.0", id: 10, result: { pong: true } });
    expect((await peer.call("rpc.ping")).result).toEqual({ pong: true });
  });

  test("admits a peer that sends the token byte by byte", async () => {
    await using listener = await serve();
    await using peer = await WireClient.open(listener.path);
    for (const byte of `${authenticate("right")}\n`) {
      peer.socket.write(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await peer.next()).result).toEqual({ principal: "user:0", role: "admin" });
  });

  test.each([
    ["a wrong token", authenticate("wrong"), 9],
    ["a token that is no text", authenticate(7), null],
    ["another method", '{"jsonrpc":"2.0","id":1,"method":"rpc.ping"}', null],
    ["a batch", `[${authenticate("right")}]`, null],
    ["HTTP", "GET /health HTTP/1.1\r\n\r", null],
    ["no JSON", "hello", null],
  ])("refuses %s, and reads no further", async (_, line, id) => {
    await using listener = await serve();
    await using peer = await WireClient.open(listener.path);
    peer.send(`${line}\n${authenticate("right")}`);
    const { error, id: answered } = await peer.next();
    expect({ code: error?.data.code, id: answered }).toEqual({ code: "UNAUTHENTICATED", id });
    await peer.ended();
    expect(peer.lines).toHaveLength(1);
    expect(listener.counts.refused).toBe(1);
    expect(listener.server.stats.accepted).toBe(0);
  });

  test("refuses a first line without an end, and counts a peer that sends nothing and disconnects", async () => {
    await using listener = await serve();
    await using endless = await WireClient.open(listener.path);
    endless.send("x".repeat(20_000));
    expect((await endless.next()).error?.data.code).toBe("UNAUTHENTICATED");
    await using silent = await WireClient.open(listener.path);
    silent.socket.end();
    await silent.ended();
    expect(listener.server.stats.accepted).toBe(0);
  });

  test("keeps at most 256 unadmitted peers, and disconnects them when it closes", async () => {
    await using listener = await serve();
    await using peers = new AsyncDisposableStack();
    const waiting: WireClient[] = [];
    while (waiting.length < 256) waiting.push(peers.use(await WireClient.open(listener.path)));
    await using oneMore = await WireClient.open(listener.path);
    expect((await oneMore.next()).error?.data.code).toBe("TOO_MANY_CONNECTIONS");
    waiting[0]?.send(authenticate("right"));
    expect((await waiting[0]?.next())?.result).toEqual({ principal: "user:0", role: "admin" });
    listener.admission.close();
    await until("the end of the unadmitted peers", () => waiting.slice(1).every(({ isEnded }) => isEnded));
    expect(waiting[0]?.isEnded).toBe(false);
  });
});
