import { execFileSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { get as httpGet } from "node:http";
import { request } from "node:https";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { SignJWT } from "jose";
import { tempDirectory } from "../../../tests/support/temp.ts";
import { dashboard, openWebListener, openWebSocket } from "../../../tests/support/wire/web-listeners.ts";
import type { Reply } from "../../../tests/support/wire/wire-client.ts";
import { silentLogger } from "../../logging/index.ts";
import { systemClock } from "../../platform/clock.ts";
import { createJwtVerifier } from "./jwt.ts";

const ping = { jsonrpc: "2.0", id: 1, method: "ping" };
const pong = { jsonrpc: "2.0", id: 1, result: "pong" };
const authenticate = (token: string) => ({ jsonrpc: "2.0", id: "a", method: "rpc.authenticate", params: { token } });

const post = (port: number, token: string | undefined, body: unknown = ping) =>
  fetch(`http://127.0.0.1:${port}/rpc`, {
    method: "POST",
    body: JSON.stringify(body),
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
  });

describe("HTTP over TCP", () => {
  test("answers only callers with a token", async () => {
    await using open = await openWebListener();
    const { port } = open.listener;
    const token = await open.mint();
    expect(await (await post(port, token)).json()).toEqual(pong);
    expect((await post(port, undefined)).status).toBe(401);
    const health = await fetch(`http://127.0.0.1:${port}/health`, { headers: { authorization: `Bearer ${token}` } });
    expect(await health.json()).toEqual({ status: "ok" });
    expect((await fetch(`http://127.0.0.1:${port}/metrics`)).status).toBe(401);
  });

  test("always accepts a valid token, and makes an address wait after three invalid ones", async () => {
    await using open = await openWebListener();
    const { port } = open.listener;
    const token = await open.mint();
    const statuses = [];
    for (const shown of [undefined, undefined, undefined, undefined, "act_a", "act_b", "act_c", "act_d", token])
      statuses.push((await post(port, shown)).status);
    expect(statuses).toEqual([401, 401, 401, 401, 401, 401, 401, 429, 200]);
    const refusal = await post(port, "act_e");
    expect(Number(refusal.headers.get("retry-after"))).toBeGreaterThan(5);
    expect(((await refusal.json()) as Reply).error?.data).toMatchObject({ code: "RATE_LIMITED", retryable: true });
  });

  test.each<[string, Record<string, string>]>([
    ["another origin", { origin: "https://evil.example" }],
    ["no origin (null)", { origin: "null" }],
    ["a name of their own for this address", { host: "evil.example" }],
    ["a name that begins like this address", { host: "127.0.0.1.evil.example" }],
  ])("refuses pages of %s, also with a valid token", async (_, headers) => {
    await using open = await openWebListener();
    const token = await open.mint();
    const status = await new Promise((resolve, reject) => {
      const options = {
        port: open.listener.port,
        path: "/health",
        headers: { authorization: `Bearer ${token}`, ...headers },
      };
      httpGet(options, ({ statusCode }) => resolve(statusCode)).on("error", reject);
    });
    expect(status).toBe(403);
  });

  test("refuses a body that is not UTF-8, as the socket does", async () => {
    await using open = await openWebListener();
    const body = Buffer.concat([
      Buffer.from('{"jsonrpc":"2.0","method":"ping","id":"a'),
      Buffer.of(0xff, 0xfe),
      Buffer.from('"}'),
    ]);
    const headers = { authorization: `Bearer ${await open.mint()}` };
    const answer = await fetch(`http://127.0.0.1:${open.listener.port}/rpc`, { method: "POST", headers, body });
    expect(((await answer.json()) as Reply).error?.code).toBe(-32700);
  });

  test("limits a token to its methods, its addresses and its time", async () => {
    await using open = await openWebListener();
    const { port } = open.listener;
    const narrow = await open.mint({ methods: ["echo.x", "rpc.ping"] });
    expect(((await (await post(port, narrow)).json()) as Reply).error?.data.code).toBe("FORBIDDEN");
    expect(((await (await post(port, narrow, { ...ping, method: "rpc.ping" })).json()) as Reply).result).toEqual({
      pong: true,
    });
    expect((await post(port, await open.mint({ addresses: ["10.0.0.0/8"] }))).status).toBe(401);
    expect((await post(port, await open.mint({ addresses: ["127.0.0.0/8", "::1"] }))).status).toBe(200);
    const brief = await open.mint({ expiresAt: open.time.ms + 1_000 });
    expect((await post(port, brief)).status).toBe(200);
    open.time.ms += 1_000;
    expect((await post(port, brief)).status).toBe(401);
  });

  test("accepts JWTs of the configured issuer, with the role that they name", async () => {
    using directory = tempDirectory();
    const { publicKey, privateKey } = generateKeyPairSync("ed25519");
    const jwks = join(directory.path, "jwks.json");
    writeFileSync(jwks, JSON.stringify({ keys: [{ ...publicKey.export({ format: "jwk" }), alg: "EdDSA", kid: "k" }] }));
    const settings = { issuer: "https://issuer.example.org", audience: "armorclaw", jwks, roleClaim: "role" };
    const deps = { clock: systemClock, logger: silentLogger };
    await using open = await openWebListener({ verifyJwt: createJwtVerifier(settings, deps) });
    const sign = (claims: object, audience = "armorclaw") =>
      new SignJWT({ ...claims })
        .setProtectedHeader({ alg: "EdDSA", kid: "k" })
        .setIssuer(settings.issuer)
        .setAudience(audience)
        .setSubject("ann")
        .setExpirationTime("1m")
        .sign(privateKey);
    const { port } = open.listener;
    const whoami = authenticate("x");
    const answer = (await (await post(port, await sign({ role: "operator" }), whoami)).json()) as Reply;
    expect(answer.result).toEqual({ principal: "token:jwt-ann", role: "operator" });
    expect((await post(port, await sign({ role: "agent" }))).status).toBe(401);
    expect((await post(port, await sign({ role: "operator" }, "other"))).status).toBe(401);
  });
});

describe("WebSocket over TCP", () => {
  test("carries one value per message, after a token in a header or in the first message", async () => {
    await using open = await openWebListener();
    const token = await open.mint();
    await using byHeader = await openWebSocket(open.listener.port, { token });
    expect(await byHeader.ask(ping)).toEqual(pong);
    await using byMessage = await openWebSocket(open.listener.port, { origin: dashboard });
    byMessage.socket.send(JSON.stringify(authenticate(token), null, 2));
    byMessage.socket.send(JSON.stringify(ping, null, 2));
    expect(await byMessage.next()).toEqual({
      jsonrpc: "2.0",
      id: "a",
      result: { principal: "token:t-1", role: "viewer" },
    });
    expect(await byMessage.next()).toEqual(pong);
    expect(byMessage.socket.protocol).toBe("armorclaw.jsonrpc.v1");
  });

  test("closes on a first message without a valid token", async () => {
    await using open = await openWebListener();
    for (const first of [ping, authenticate("act_wrong")]) {
      await using peer = await openWebSocket(open.listener.port);
      expect(await peer.ask(first)).toMatchObject({ error: { data: { code: "UNAUTHENTICATED" } } });
      expect(await peer.closed()).toBe(4401);
    }
    expect(open.served.server.stats.accepted).toBe(0);
  });

  test("refuses pages that are not listed, other subprotocols and wrong headers before the handshake", async () => {
    await using open = await openWebListener();
    const token = await open.mint();
    const { port } = open.listener;
    await expect(openWebSocket(port, { token, origin: "https://evil.example.org" })).rejects.toThrow("403");
    await expect(openWebSocket(port, { token, protocols: ["chat"] })).rejects.toThrow("400");
    await expect(openWebSocket(port, { token: "act_wrong" })).rejects.toThrow("401");
  });

  test("pushes each line as a message, moves large values, and ends when the token is revoked", async () => {
    await using open = await openWebListener({ webSocket: { origins: [], messageBytesMax: 8_000_000 } });
    await using peer = await openWebSocket(open.listener.port, { token: await open.mint() });
    await peer.ask({ ...ping, method: "subscribe", params: ["t"] });
    const [event] = [await peer.ask({ ...ping, method: "publish", params: ["t", 2, 10] })];
    const seen = [event, await peer.next(), await peer.next()];
    expect(seen.map((message) => message["method"] ?? "answer").sort()).toEqual(["answer", "event", "event"]);
    const text = "x".repeat(3_000_000);
    expect((await peer.ask({ ...ping, method: "echo", params: [text] }))["result"]).toEqual([text]);
    await open.tokens.revoke("t-1");
    expect(open.served.server.disconnect("token:t-1")).toBe(1);
    expect(await peer.next()).toMatchObject({ id: null, error: { code: expect.any(Number) } });
    expect(await peer.closed()).toBe(4401);
    await expect(openWebSocket(open.listener.port, { token: "act_gone" })).rejects.toThrow("401");
  });

  test("names the reason in the close frame of each connection that the bridge ends", async () => {
    await using open = await openWebListener({ serve: { limits: { connectionsMax: 1 } } });
    const token = await open.mint();
    await using first = await openWebSocket(open.listener.port, { token });
    await first.ask(ping);
    await using second = await openWebSocket(open.listener.port, { token });
    expect(await second.closed()).toBe(4429);
    first.socket.send(Buffer.from([0xff, 0xfe]), { binary: false });
    expect(await first.closed()).toBe(1007);
    await using fragmented = await openWebSocket(open.listener.port, { token });
    const text = JSON.stringify(ping, null, 1);
    fragmented.socket.send(text.slice(0, 9), { fin: false });
    fragmented.socket.ping();
    fragmented.socket.send(text.slice(9), { fin: true });
    expect(await fragmented.next()).toEqual(pong);
    expect(await fragmented.ask([ping, { ...ping, id: 2 }])).toHaveLength(2);
    await open.listener.stop();
    expect(await fragmented.closed()).toBe(1001);
  });

  test("closes on a message that is too long, and on a peer that does not read", async () => {
    const limits = { queueBytesMax: 100_000, writeDeadlineMs: 100 };
    await using open = await openWebListener({ serve: { limits } });
    const token = await open.mint();
    await using long = await openWebSocket(open.listener.port, { token });
    long.socket.send("x".repeat(1_000_001));
    expect(await long.closed()).toBe(1009);
    await using slow = await openWebSocket(open.listener.port, { token });
    await slow.ask({ ...ping, method: "subscribe", params: ["t"] });
    slow.socket.pause();
    await using publisher = await openWebSocket(open.listener.port, { token });
    await publisher.ask({ ...ping, method: "publish", params: ["t", 200, 100_000] });
    while (open.served.server.stats.slowConsumers === 0) await publisher.ask(ping);
    expect(await publisher.ask(ping)).toEqual(pong);
  });
});

describe("a listener beyond loopback", () => {
  test("needs a certificate", async () => {
    await expect(openWebListener({ address: "0.0.0.0:0" })).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  });

  test("accepts TLS 1.3 and nothing older", async () => {
    using directory = tempDirectory();
    const [certFile, keyFile] = ["cert.pem", "key.pem"].map((name) => join(directory.path, name)) as [string, string];
    const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"];
    execFileSync(
      "openssl",
      [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "1",
        ...subject,
      ].concat(["-keyout", keyFile, "-out", certFile]),
      { stdio: "ignore" },
    );
    for (const address of ["192.0.2.1:0", "name.invalid:0"])
      await expect(openWebListener({ address, tls: { certFile, keyFile } })).rejects.toMatchObject({
        code: "CONFIG_INVALID",
        message: expect.stringContaining(address),
      });
    await using open = await openWebListener({ address: "0.0.0.0:0", tls: { certFile, keyFile } });
    const token = await open.mint();
    const statusWith = (maxVersion: "TLSv1.2" | "TLSv1.3") =>
      new Promise<number | undefined>((resolve, reject) => {
        const call = request({
          host: "127.0.0.1",
          port: open.listener.port,
          path: "/health",
          agent: false,
          rejectUnauthorized: false,
          maxVersion,
          headers: { authorization: `Bearer ${token}` },
        });
        call
          .on("response", (response) => resolve(response.resume().statusCode))
          .on("error", reject)
          .end();
      });
    expect(await statusWith("TLSv1.3")).toBe(200);
    await expect(statusWith("TLSv1.2")).rejects.toThrow();
  });
});

test("an address that another program uses is an error that names the listener and the address", async () => {
  await using first = await openWebListener();
  const address = `127.0.0.1:${first.listener.port}`;
  await expect(openWebListener({ address })).rejects.toMatchObject({
    code: "ADDRESS_IN_USE",
    message: `web listener: another program listens at ${address}`,
  });
});
