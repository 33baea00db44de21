import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { describe, expect, test } from "@jest/globals";
import { WebSocketServer } from "ws";
import { LineServer, until } from "../../tests/support/wire/line-server.ts";
import { serveFixtures } from "../../tests/support/wire/serve.ts";
import { openWebListener } from "../../tests/support/wire/web-listeners.ts";
import { BridgeError, connect, createClient } from "../index.ts";

describe("a client at a TCP listener", () => {
  test.each(["ws", "http"])("calls, streams and receives errors over %s", async (scheme) => {
    await using open = await openWebListener();
    const url = `${scheme}://127.0.0.1:${open.listener.port}`;
    await using client = await connect({ url, token: await open.mint(), reconnect: false });
    expect(await client.call("ping")).toBe("pong");
    expect(await Promise.all([1, 2, 3].map((n) => client.call("sum", [n, n])))).toEqual([2, 4, 6]);
    await expect(client.call("subtract", {})).rejects.toBeInstanceOf(BridgeError);
    const stream = client.stream("stream", { count: 60, bytes: 100 });
    let items = 0;
    for await (const item of stream) items += (item as string).length / 100;
    expect([items, await stream.result]).toEqual([60, 60]);
  });

  test("is refused with the bridge's own error when its token is wrong", async () => {
    await using open = await openWebListener();
    const url = `ws://127.0.0.1:${open.listener.port}`;
    await expect(connect({ url, token: "act_wrong" })).rejects.toMatchObject({
      code: "NOT_CONNECTED",
      cause: { code: "UNAUTHENTICATED" },
    });
  });

  test.each([{}, { sealKey: new Uint8Array(32) }])(
    "gives up on a listener that does not answer with JSON (%j)",
    async (how) => {
      const server = new WebSocketServer({ port: 0, host: "127.0.0.1", handleProtocols: ([first = ""]) => first });
      await once(server, "listening");
      server.on("connection", (socket) => socket.on("message", () => socket.send("hello")));
      try {
        const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
        const refusal = { code: "NOT_CONNECTED", cause: { name: "SyntaxError" } };
        await expect(connect({ url, token: "t", reconnect: false, ...how })).rejects.toMatchObject(refusal);
      } finally {
        for (const socket of server.clients) socket.terminate();
        server.close();
      }
    },
  );

  test("reconnects when the listener has dropped it, and finishes the waiting calls", async () => {
    await using open = await openWebListener();
    const url = `ws://127.0.0.1:${open.listener.port}`;
    await using client = await connect({ url, token: await open.mint(), reconnect: { initialMs: 10, maxMs: 50 } });
    const states: string[] = [];
    client.onState((state) => states.push(state));
    open.served.server.disconnect("token:t-1");
    await until(() => states.includes("connected"), "the reconnect");
    expect(await client.call("ping")).toBe("pong");
  });
});

describe("batching", () => {
  test("joins the calls of one turn, and no stream waits for them", async () => {
    await using served = await serveFixtures();
    await using client = await connect({ socketPath: served.path, batch: true, reconnect: false });
    const slow = client.call("slow", [300]);
    const stream = client.stream("stream", { count: 2, bytes: 1 });
    const quick = client.call("ping");
    const order: string[] = [];
    await Promise.all([
      slow.then(() => order.push("slow")),
      stream.result.then(() => order.push("stream")),
      (async () => {
        for await (const _ of stream) order.push("item");
      })(),
      quick.then(() => order.push("quick")),
    ]);
    expect(order.at(-1)).toBe("slow");
    expect(order.toSorted()).toEqual(["item", "item", "quick", "slow", "stream"]);
  });

  test("sends one line for many calls", async () => {
    await using server = await LineServer.open();
    await using client = await connect({ socketPath: server.path, batch: true, heartbeatMs: 0, reconnect: false });
    const calls = Promise.allSettled([1, 2, 3].map((n) => client.call("n", { n })));
    await until(() => server.received.length > 0, "the batch");
    expect(server.received).toHaveLength(1);
    expect(Object.keys(server.received[0] ?? {})).toEqual(expect.arrayContaining(["0", "1", "2"]));
    await client.close();
    await calls;
  });
});

describe("a heartbeat", () => {
  test("drops a connection that is silent", async () => {
    await using server = await LineServer.open((request) => (request.connection === 1 ? undefined : {}));
    await using client = await connect({
      socketPath: server.path,
      heartbeatMs: 50,
      reconnect: { initialMs: 10, maxMs: 20 },
    });
    await until(() => server.connections === 2, "the second connection");
    expect(await client.call("x")).toEqual({});
    expect(server.of("rpc.ping").length).toBeGreaterThan(0);
  });

  test("keeps one on which the bridge answers", async () => {
    await using server = await LineServer.open();
    await using client = await connect({ socketPath: server.path, heartbeatMs: 30, reconnect: false });
    await until(() => server.of("rpc.ping").length >= 3, "three pings");
    expect(await client.call("x")).toEqual({});
  });
});

test("the send queue is bounded in bytes too", async () => {
  await using server = await LineServer.open();
  await server.stop();
  await using client = createClient({ socketPath: server.path, sendQueueBytesMax: 1_000 });
  const first = client.call("a", { text: "x".repeat(800) });
  await expect(client.call("b", { text: "x".repeat(800) })).rejects.toMatchObject({ code: "QUEUE_FULL" });
  await server.listen();
  expect(await first).toEqual({});
});
