import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";
import { expect, test } from "@jest/globals";
import { listenOnLoopback } from "../../../../tests/support/loopback.ts";
import { describeIf } from "../../../../tests/support/machine/require-part.ts";
import { hasCoturn, startCoturn, turnSecret } from "../../../../tests/support/voice/coturn.ts";
import { systemClock } from "../../../platform/clock.ts";
import { checkTurn } from "./turn-check.ts";
import { parseTurnUrl } from "./turn-connection.ts";

const look = (url: string, secret = turnSecret, ttlMs = 60_000) =>
  checkTurn({ urls: [url], secret, ttlMs }, systemClock);

describeIf(hasCoturn, "coturn is not installed", "a relay", () => {
  test("that shares the secret gives an allocation, over UDP and TCP", async () => {
    await using relay = await startCoturn();
    expect(await look(relay.url)).toMatchObject([{ url: relay.url, outcome: "allocated" }]);
    const overTcp = relay.url.replace("udp", "tcp");
    expect(await look(overTcp)).toMatchObject([{ url: overTcp, outcome: "allocated" }]);
    expect(await look(relay.url, "another secret")).toMatchObject([
      { outcome: "refused", message: expect.stringContaining("401") },
    ]);
    expect(await look(relay.url, turnSecret, -60_000)).toMatchObject([{ outcome: "refused" }]);
  });
});

test("a port where nothing listens, and an unknown name, are reported at once", async () => {
  const free = createSocket("udp4").bind(0, "127.0.0.1");
  await once(free, "listening");
  const { port } = free.address();
  await new Promise<void>((resolve) => free.close(() => resolve()));
  expect(await look(`turn:127.0.0.1:${port}?transport=udp`)).toMatchObject([
    { outcome: "unreachable", message: "nothing listens there" },
  ]);
  expect(await look(`turn:127.0.0.1:${port}?transport=tcp`)).toMatchObject([
    { outcome: "unreachable", message: "nothing listens there" },
  ]);
});

test("a server of another protocol is not a relay", async () => {
  const server = createServer((socket) => void socket.resume().end("HTTP/1.1 400 Bad Request\r\n\r\n"));
  const port = await listenOnLoopback(server);
  expect(await look(`turn:127.0.0.1:${port}?transport=tcp`)).toMatchObject([
    { outcome: "unreachable", message: "what listens there is no relay" },
  ]);
  await new Promise((resolve) => server.close(resolve));
});

test("a relay's URL is parsed as browsers parse it", () => {
  expect(parseTurnUrl("turn:turn.example.org")).toEqual({ host: "turn.example.org", port: 3478, transport: "udp" });
  expect(parseTurnUrl("turns:turn.example.org?transport=tcp")).toMatchObject({ port: 5349, transport: "tls" });
  expect(parseTurnUrl("turn:[2001:db8::1]:3479?transport=tcp")).toEqual({
    host: "2001:db8::1",
    port: 3479,
    transport: "tcp",
  });
  expect(parseTurnUrl("turn:")).toBeUndefined();
});
