import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { BridgeError, Secret } from "@armorclaw/protocol";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { until } from "../../../tests/support/until.ts";
import type { Destination, Grant } from "../../access/index.ts";
import { silentLogger } from "../../logging/index.ts";
import { systemClock } from "../../platform/clock.ts";
import { isPublic } from "./addresses.ts";
import { allowedUrl } from "./destination.ts";
import { HttpBroker, type HttpCall } from "./index.ts";
import { scrub } from "./scrub.ts";

const secret = "sk-proj-canary+/0123456789";
const openMs = 300;
const token = `acp_${"a".repeat(43)}`;

let server: Server;
let port: number;
let received: { headers: IncomingHttpHeaders; body: string; url: string }[];
let answer: (
  body: string,
  headers: IncomingHttpHeaders,
) => { status?: number; headers?: Record<string, string>; body: string | Buffer };
beforeEach(async () => {
  received = [];
  answer = () => ({ body: "{}" });
  server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    received.push({ headers: request.headers, body, url: request.url ?? "" });
    const { status = 200, headers = {}, body: text } = answer(body, request.headers);
    response.writeHead(status, headers).end(text);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  port = (server.address() as AddressInfo).port;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const broker = (privateHosts = ["127.0.0.1"], destinations?: Destination[]) => {
  const reach = destinations ?? [
    { host: "127.0.0.1", port, methods: ["GET", "POST"], path: "/v1" } satisfies Destination,
  ];
  const grant: Grant = {
    loop: "gmail",
    name: "api",
    keyId: "api",
    mode: "use",
    destinations: reach,
    grantedBy: "user:0",
    grantedAt: 0,
  };
  const tokens = {
    resolveToken: (given: string, agentId: string) => {
      if (given !== token || agentId !== "gmail-1") throw new BridgeError("SECRET_TOKEN_INVALID");
      return grant;
    },
    secretOf: async () => Secret.fromText(secret),
  };
  const deps = { tokens, clock: systemClock, random: Math.random, logger: silentLogger };
  return new HttpBroker(deps, { privateHosts, circuit: { failuresMax: 4, openMs } });
};
const call = (over: Partial<HttpCall> = {}): HttpCall => ({
  url: `http://127.0.0.1:${port}/v1/models`,
  method: "GET",
  headers: { Authorization: `Bearer ${token}` },
  body: undefined,
  encoding: "raw",
  timeoutMs: 2_000,
  ...over,
});
const request = (over: Partial<HttpCall> = {}, from = broker(), agentId = "gmail-1") =>
  from.request(agentId, call(over), new AbortController().signal);

describe("HttpBroker", () => {
  test("replaces the token by the secret, which only the server receives", async () => {
    const result = await request({ method: "POST", body: `{"key":"${token}"}` });
    expect(received[0]).toMatchObject({ body: `{"key":"${secret}"}`, headers: { authorization: `Bearer ${secret}` } });
    expect(result).toMatchObject({ status: 200, body: "{}", encoding: "raw" });
  });

  test("replaces a secret that a server echoes by its token, in every encoding", async () => {
    answer = (_, { authorization = "" }) => ({
      headers: { "x-echo": authorization, "x-basic": Buffer.from(`user:${secret}`).toString("base64") },
      body: `<${authorization}> and more`,
    });
    const shown = await request();
    expect(shown).toMatchObject({ headers: { "x-echo": `Bearer ${token}` }, body: `<Bearer ${token}> and more` });
    expect(shown.headers["x-basic"]).toContain(token);
    answer = () => ({ body: Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(secret)]) });
    const binary = await request();
    expect(binary.encoding).toBe("base64");
    expect(Buffer.from(binary.body, "base64").includes(secret)).toBe(false);
  });

  test.each<[string, Partial<HttpCall>, string]>([
    ["no token", { headers: {} }, "SECRET_TOKEN_INVALID"],
    ["a made-up token", { headers: { authorization: `Bearer acp_${"b".repeat(43)}` } }, "SECRET_TOKEN_INVALID"],
    ["a token in the URL", { url: `http://127.0.0.1/v1/?key=${token}` }, "DESTINATION_REFUSED"],
    ["another path", { url: "http://127.0.0.1/v2" }, "DESTINATION_REFUSED"],
    ["another method", { method: "DELETE" }, "DESTINATION_REFUSED"],
    ["a header that splits", { headers: { authorization: `${token}\r\nx: y` } }, "DESTINATION_REFUSED"],
    ["a Host header", { headers: { Host: "evil.test", authorization: token } }, "DESTINATION_REFUSED"],
    [
      "a Transfer-Encoding header",
      { headers: { "transfer-encoding": "chunked", authorization: token } },
      "DESTINATION_REFUSED",
    ],
  ])("refuses %s, and sends nothing", async (_, over, code) => {
    await expect(request(over)).rejects.toMatchObject({ code });
    expect(received).toEqual([]);
  });

  test("refuses the token of another agent", async () => {
    await expect(request({}, broker(), "gmail-2")).rejects.toMatchObject({ code: "SECRET_TOKEN_INVALID" });
    expect(received).toEqual([]);
  });

  test("does not reach private addresses, by number or by name", async () => {
    const toLoopback = (host: string) => broker([], [{ host, port: 443, methods: ["GET"], path: "/" }]);
    for (const host of ["127.0.0.1", "localhost"]) {
      await expect(request({ url: `https://${host}/` }, toLoopback(host))).rejects.toMatchObject({
        code: "DESTINATION_REFUSED",
      });
    }
  });

  test.each<[string, Record<string, string>, number]>([
    ["is compressed, although the request asked for no coding", { "content-encoding": "gzip" }, 200],
    ["has a coding that nobody knows", { "content-encoding": "x-rot13" }, 200],
    ["is a piece", { "content-range": "bytes 0-4/100" }, 206],
  ])("refuses an answer that %s", async (_, headers, status) => {
    answer = () => ({ status, headers, body: secret });
    await expect(request()).rejects.toMatchObject({ code: "HTTP_FAILED" });
  });

  test.each([
    "X-HTTP-Method-Override",
    "X-HTTP-Method",
    "X-Method-Override",
    "X-Original-URL",
    "X-Rewrite-URL",
    "X-Forwarded-Host",
    "X-Forwarded-Prefix",
    "Forwarded",
    "X-Host",
    "Range",
    "If-Range",
    "Content-Encoding",
    "X-Unknown",
  ])("sets no header %s, neither with a value nor with a token", async (name) => {
    for (const value of ["DELETE", token]) {
      if (name === "X-Unknown" && value === token) continue;
      const headers = { authorization: `Bearer ${token}`, [name]: value };
      await expect(request({ headers })).rejects.toMatchObject({ code: "DESTINATION_REFUSED" });
    }
    expect(received).toEqual([]);
  });

  test("sets the header of any API key, when a token is its whole value", async () => {
    await request({ headers: { "X-Api-Key": token, "xi-api-key": token, Accept: "text/plain" } });
    expect(received[0]?.headers).toMatchObject({ "x-api-key": secret, "xi-api-key": secret, accept: "text/plain" });
  });

  test.each<[string, Partial<HttpCall>]>([
    ["the query", { url: "/v1/x?a=b&_method=DELETE" }],
    ["the query, percent-encoded", { url: "/v1/x?%5Fmethod=DELETE" }],
    ["a form", { method: "POST", body: `key=${token}&_method=DELETE` }],
    ["JSON", { method: "POST", body: `{"\\u005fmethod" : "DELETE"}` }],
    ["a multipart form", { method: "POST", body: `content-disposition: form-data; name="_method"` }],
    ["a body in base64", { method: "POST", encoding: "base64", body: Buffer.from("_method=PUT").toString("base64") }],
  ])("does not let %s carry another method", async (_, over) => {
    const url = `http://127.0.0.1:${port}${over.url ?? "/v1/x"}`;
    await expect(request({ ...over, url })).rejects.toMatchObject({ code: "DESTINATION_REFUSED" });
    expect(received).toEqual([]);
  });

  test("does not follow redirects", async () => {
    answer = () => ({ status: 302, headers: { location: "http://127.0.0.1:1/steal" }, body: "" });
    expect(await request()).toMatchObject({ status: 302, headers: { location: "http://127.0.0.1:1/steal" } });
    expect(received.length).toBe(1);
  });

  test("aborts a call that takes too long or an answer that is too large", async () => {
    answer = () => ({ body: Buffer.alloc(9 * 1024 * 1024) });
    await expect(request()).rejects.toMatchObject({ code: "HTTP_FAILED" });
    server.removeAllListeners("request");
    await expect(request({ timeoutMs: 50 })).rejects.toThrow("in time");
  });
});

describe("a host that fails", () => {
  const failing = (status: number, headers: Record<string, string> = {}) => {
    answer = () => ({ status, headers, body: "" });
  };

  test("is retried with GET and HEAD, at most twice, until it answers", async () => {
    let n = 0;
    answer = () => ({ status: ++n < 3 ? 503 : 200, body: "there" });
    expect(await request()).toMatchObject({ status: 200, body: "there" });
    expect(received.length).toBe(3);
    failing(500);
    expect(await request()).toMatchObject({ status: 500 });
    expect(received.length).toBe(6);
  });

  test.each<[string, Partial<HttpCall>, () => void]>([
    ["by POST", { method: "POST", body: "{}" }, () => failing(503)],
    ["when it says when to come back", {}, () => failing(503, { "retry-after": "1" })],
    ["when it refuses", {}, () => failing(429)],
  ])("is not retried %s", async (_, over, fail) => {
    fail();
    expect((await request(over)).status).toBeGreaterThanOrEqual(400);
    expect(received.length).toBe(1);
  });

  test("gets no more calls from that agent after failures in a row, and is tried again after a pause", async () => {
    const one = broker();
    const post = () => request({ method: "POST", body: "{}" }, one);
    failing(404);
    for (let n = 0; n < 6; n++) expect(await post()).toMatchObject({ status: 404 });
    failing(502);
    for (let n = 0; n < 4; n++) expect(await post()).toMatchObject({ status: 502 });
    const sent = received.length;
    await expect(post()).rejects.toMatchObject({
      code: "HTTP_UNAVAILABLE",
      details: { host: `127.0.0.1:${port}`, retry_after_ms: expect.any(Number) },
    });
    expect([received.length, one.circuits]).toEqual([sent, ["open"]]);
    failing(200);
    await until("the second attempt", async () => (await post()).status === 200);
    expect([received.length, one.circuits]).toEqual([sent + 1, ["closed"]]);
  });

  test("is reported with its last answer when its circuit opens in the middle of a call", async () => {
    const one = broker();
    failing(500);
    expect(await request({}, one)).toMatchObject({ status: 500 });
    expect(await request({}, one)).toMatchObject({ status: 500 });
    expect([received.length, one.circuits]).toEqual([4, ["open"]]);
  });

  test("counts as failed when it refuses connections or takes too long, not when its answers are too large", async () => {
    const one = broker();
    answer = () => ({ body: Buffer.alloc(9 * 1024 * 1024) });
    for (let n = 0; n < 5; n++)
      await expect(request({}, one)).rejects.toMatchObject({ details: { reason: "too_large" } });
    expect([received.length, one.circuits]).toEqual([5, ["closed"]]);
    server.removeAllListeners("request");
    await expect(request({ timeoutMs: 30 }, one)).rejects.toMatchObject({ details: { reason: "timed_out" } });
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    const refused = { code: "HTTP_FAILED", details: { reason: "unreachable" } };
    await expect(request({}, one)).rejects.toMatchObject(refused);
    expect(one.circuits).toEqual(["open"]);
    server.listen(0, "127.0.0.1");
  });
});

describe("scrub()", () => {
  const bytes = Buffer.from(secret);
  const wrapped = Buffer.from(`user:${secret}:${"x".repeat(100)}`)
    .toString("base64")
    .replaceAll(/(.{13})/g, "$1\r\n");
  test.each<[string, string | Buffer]>([
    ["itself", secret],
    ["upper case", secret.toUpperCase()],
    ["upper-case hex", bytes.toString("hex").toUpperCase()],
    ["hex with colons", [...bytes].map((byte) => byte.toString(16)).join(":")],
    ["lower-case percent", [...bytes].map((byte) => `%${byte.toString(16)}`).join("")],
    ["percent, twice", encodeURIComponent(encodeURIComponent(secret))],
    ["JSON escapes", [...bytes].map((byte) => `\\u00${byte.toString(16)}`).join("")],
    ["escaped slashes", secret.replaceAll("/", "\\/")],
    ["decimal HTML entities", [...bytes].map((byte) => `&#${byte};`).join("")],
    ["hexadecimal HTML entities", [...bytes].map((byte) => `&#x${byte.toString(16)};`).join("")],
    ["UTF-16LE", Buffer.from(secret, "utf16le")],
    ["UTF-16BE", Buffer.from(secret, "utf16le").swap16()],
    ["base64", Buffer.from(`ab${secret}cd`).toString("base64")],
    ["base64url", Buffer.from(`a${secret}cd`).toString("base64url")],
    ["wrapped base64", wrapped],
    ["wrapped base64 in JSON", wrapped.replaceAll("\r\n", "\\r\\n")],
    ["percent-encoded base64", encodeURIComponent(Buffer.from(secret).toString("base64"))],
    ["base64 of UTF-16", Buffer.from(secret, "utf16le").toString("base64")],
    ["lines", secret.replaceAll(/(.{5})/g, "$1\r\n ")],
    ["itself after a percent sign", `100%${secret}`],
    ["reversed", [...secret].reverse().join("")],
  ])("finds a secret that is echoed as %s", async (_, echo) => {
    const answer = Buffer.concat([Buffer.from('{"echo":"'), Buffer.from(echo), Buffer.from('"}')]);
    const clean = await scrub(answer, new Map([[token, secret]]));
    expect(clean.toString("latin1")).toContain(token);
    expect(clean.toString("latin1").length).toBeLessThan(token.length + 220);
  });

  test("leaves other text unchanged, and yields to the event loop during a long answer", async () => {
    const long = Buffer.alloc(4 * 1024 * 1024, "%41&amp;-_ Lorem\r\n");
    let turns = 0;
    const count = setInterval(() => {
      turns += 1;
    }, 1);
    expect((await scrub(long, new Map([[token, secret]]))).equals(long)).toBe(true);
    clearInterval(count);
    expect(turns).toBeGreaterThan(5);
  });

  test("replaces each of many echoes once", async () => {
    const clean = await scrub(Buffer.from(`${secret},`.repeat(150_000)), new Map([[token, secret]]));
    expect(clean.toString()).toBe(`${token},`.repeat(150_000));
  });
});

test("allowedUrl() compares host, port, method and path exactly", () => {
  const reach: Destination[] = [{ host: "api.example.org", port: 443, methods: ["GET"], path: "/v1" }];
  const at = (url: string) => () => allowedUrl(url, "GET", reach, []);
  for (const url of [
    "https://api.example.org/v1",
    "https://API.example.org/v1/x?y#z",
    "https://api.example.org:443/v1/",
    "https://api.example.org/v1/m%C3%BCnchen/a.b/100%25/x%20y/models:list/row;v=1",
  ])
    at(url)();
  for (const url of [
    "http://api.example.org/v1",
    "https://api.example.org.evil.test/v1",
    "https://evil.test/v1",
    "https://api.example.org@evil.test/v1",
    "https://user:pass@api.example.org/v1",
    "https://api.example.org:8443/v1",
    "https://api.example.org/v1-admin",
    "https://api.example.org/v1/../admin",
    "https://api.example.org/v1/%2e%2e/admin",
    "https://api.example.org/v1%2f..%2fadmin",
    "https://api.example.org\\@evil.test/v1",
    "https://api.example.org/v1//x",
    "https://api.example.org/v1/..;/admin",
    "https://api.example.org/v1/..;a=b/admin",
    "https://api.example.org/v1/;/admin",
    "https://api.example.org/v1/%252e%252e/admin",
    "https://api.example.org/v1/%25252e%25252e/admin",
    "https://api.example.org/v1/%c0%ae%c0%ae/admin",
    "https://api.example.org/v1/%u002e%u002e/admin",
    "https://api.example.org/v1/\uff0e\uff0e/admin",
    "https://api.example.org/v1/\u2025/admin",
    "https://api.example.org/v1/..\uff0fadmin",
    "https://api.example.org/v1/x\u2215..\u2215admin",
    "https://api.example.org/v1/.\u200b./admin",
    "https://api.example.org/v1/..%20/admin",
    "https://api.example.org/v1/..%3f/admin",
    "https://api.example.org/v1/%0d%0ax",
    "https://api.example.org/v1/%zz",
    "file:///v1",
    "nonsense",
  ])
    expect(at(url)).toThrow(expect.objectContaining({ code: "DESTINATION_REFUSED" }));
});

test("isPublic() knows the private, local and special ranges in all their forms", () => {
  const hidden =
    "0.0.0.0 10.1.2.3 100.64.0.1 127.0.0.1 127.255.255.254 169.254.169.254 172.16.0.1 172.31.255.255 192.168.1.1 198.18.0.1 224.0.0.1 255.255.255.255 :: ::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::127.0.0.1 64:ff9b::7f00:1 64:ff9b:1::1 2002:7f00:1:: 2001::1 fc00::1 fd12::1 fe80::1 fec0::1 ff02::1 2001:db8::1";
  expect(hidden.split(" ").filter(isPublic)).toEqual([]);
  expect(["nonsense", "", "127.1", "0x7f000001"].filter(isPublic)).toEqual([]);
  const open = "1.1.1.1 8.8.8.8 172.32.0.1 192.169.0.1 100.128.0.1 2606:4700:4700::1111 2a00:1450:4001::200e";
  expect(open.split(" ").filter((address) => !isPublic(address))).toEqual([]);
});
