import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { listenOnLoopback } from "../../../../tests/support/loopback.ts";
import { loadSession, logIn, saveSession } from "./session.ts";

describe("logIn", () => {
  const asked: { url: string; body: string; authorization: string | undefined }[] = [];
  let status = 200;
  let reply: object = {};
  let server: Server;
  let url: string;

  beforeEach(async () => {
    asked.length = 0;
    status = 200;
    server = createServer(async (request, answer) => {
      let body = "";
      for await (const chunk of request) body += String(chunk);
      asked.push({ url: request.url ?? "", body, authorization: request.headers.authorization });
      answer.writeHead(status, { "content-type": "application/json" });
      answer.end(JSON.stringify(reply));
    });
    url = `http://127.0.0.1:${await listenOnLoopback(server)}`;
  });
  afterEach(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  });
  const soon = () => AbortSignal.timeout(5000);

  test("with a password creates a device with its own keys", async () => {
    reply = { user_id: "@b:x", device_id: "D", access_token: "T" };
    const credentials = { kind: "password", username: "b", password: "p" } as const;
    const session = await logIn(url, credentials, {}, soon());
    expect(session).toMatchObject({ homeserver: url, userId: "@b:x", deviceId: "D", accessToken: "T" });
    expect(Buffer.from(session.storeKey, "base64")).toHaveLength(32);
    expect(JSON.parse(asked[0]?.body ?? "")).toMatchObject({ type: "m.login.password", password: "p" });
  });

  test("with the token of a single sign-on, and with an access token", async () => {
    reply = { user_id: "@b:x", device_id: "D", access_token: "T" };
    await logIn(url, { kind: "login_token", token: "L" }, {}, soon());
    expect(JSON.parse(asked[0]?.body ?? "")).toMatchObject({ type: "m.login.token", token: "L" });
    const session = await logIn(
      url,
      { kind: "access_token", token: "A" },
      { recoveryKey: new Uint8Array(32).fill(7) },
      soon(),
    );
    expect(asked[1]).toMatchObject({ url: "/_matrix/client/v3/account/whoami", authorization: "Bearer A" });
    expect(session.accessToken).toBe("A");
    expect(Buffer.from(session.recoveryKey, "base64")).toEqual(Buffer.alloc(32, 7));
  });

  test.each([
    [403, { errcode: "M_FORBIDDEN", error: "no" }, "MATRIX_LOGIN_FAILED"],
    [429, { errcode: "M_LIMIT_EXCEEDED", retry_after_ms: 700 }, "MATRIX_RATE_LIMITED"],
    [200, { hello: "world" }, "MATRIX_LOGIN_FAILED"],
  ] as const)("a homeserver that answers %d %j is a %s", async (code, body, error) => {
    status = code;
    reply = body;
    await expect(logIn(url, { kind: "access_token", token: "A" }, {}, soon())).rejects.toMatchObject({
      code: error,
    });
  });

  test.each(["http://example.org", "ftp://example.org", "http://127.0.0.1.evil.org", "http://[::2]", "https://"])(
    "sends no password to %s",
    async (homeserver) => {
      const credentials = { kind: "password", username: "b", password: "p" } as const;
      await expect(logIn(homeserver, credentials, {}, soon())).rejects.toMatchObject({
        code: "MATRIX_LOGIN_FAILED",
      });
    },
  );

  test("a stored session is read back", async () => {
    reply = { user_id: "@b:x", device_id: "D", access_token: "T" };
    const session = await logIn(url, { kind: "login_token", token: "L" }, {}, soon());
    const values = new Map<string, string>();
    const secrets = {
      assertOpen: () => undefined,
      get: async (name: string) => values.get(name),
      put: async (name: string, value: string) => void values.set(name, value),
      delete: async (name: string) => void values.delete(name),
    };
    expect(await loadSession(secrets)).toBeUndefined();
    await saveSession(secrets, session);
    expect(await loadSession(secrets)).toEqual(session);
  });
});
