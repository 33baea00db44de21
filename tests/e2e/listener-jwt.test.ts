import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { renameSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { connect } from "@armorclaw/client-sdk";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { SignJWT, UnsecuredJWT } from "jose";
import { startTestDaemon, type TestDaemon } from "../support/daemon.ts";
import { tempDirectory } from "../support/temp.ts";
import { until } from "../support/until.ts";
import { listenerPort } from "../support/wire/listener-port.ts";

const issuer = "https://issuer.example.org";
const minute = 60;

interface SigningKey {
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly publicJwk: object;
}

function newKey(kid: string): SigningKey {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  return { kid, privateKey, publicJwk: { ...publicKey.export({ format: "jwk" }), alg: "EdDSA", kid } };
}

interface Claims {
  readonly role?: string;
  readonly audience?: string;
  readonly issuer?: string;
  readonly subject?: string;
  /** Returns the time some seconds from now. */
  readonly endsIn?: number;
}

const inSeconds = (seconds: number) => Math.floor(Date.now() / 1000) + seconds;

const claimed = <T extends SignJWT | UnsecuredJWT>(jwt: T, claims: Claims): T =>
  jwt
    .setIssuer(claims.issuer ?? issuer)
    .setAudience(claims.audience ?? "armorclaw")
    .setSubject(claims.subject ?? "ann")
    .setExpirationTime(inSeconds(claims.endsIn ?? minute)) as T;

const roleOf = ({ role = "viewer" }: Claims) => (role === "" ? {} : { armorclaw_role: role });

const sign = ({ kid, privateKey }: SigningKey, claims: Claims = {}) =>
  claimed(new SignJWT(roleOf(claims)).setProtectedHeader({ alg: "EdDSA", kid }), claims).sign(privateKey);

const directory = tempDirectory();
const keySet = join(directory.path, "jwks.json");
const [first, second, stranger] = [newKey("first"), newKey("second"), newKey("first")];
let daemon: TestDaemon;
let port = 0;
let addresses = 0;

function publish(...keys: SigningKey[]): void {
  writeFileSync(`${keySet}.new`, JSON.stringify({ keys: keys.map(({ publicJwk }) => publicJwk) }));
  renameSync(`${keySet}.new`, keySet);
}

/** Calls by HTTP from a new address each time, because an address with a failed log-in must wait. */
async function post(token: string, method: string, params: object = {}) {
  addresses += 1;
  const answered = await new Promise<{ status: number | undefined; body: string }>((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}` };
    const options = { host: "127.0.0.1", port, path: "/rpc", method: "POST", headers };
    const outgoing = request({ ...options, localAddress: `127.0.1.${addresses}` }, (incoming) => {
      text(incoming).then((body) => resolve({ status: incoming.statusCode, body }), reject);
    });
    outgoing.on("error", reject);
    outgoing.end(JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }));
  });
  const answer = JSON.parse(answered.body) as { result?: unknown; error?: { data: { code: string } } };
  return { status: answered.status, result: answer.result, code: answer.error?.data.code };
}

const whoAmI = (token: string) => post(token, "rpc.authenticate", { token: "shown already" });

beforeAll(async () => {
  publish(first);
  const settings = [
    "listen.http.address=127.0.0.1:0",
    "listen.websocket.address=127.0.0.1:0",
    `listen.jwt.issuer=${issuer}`,
    `listen.jwt.jwks=${keySet}`,
  ];
  daemon = await startTestDaemon({ engine: "process", flags: settings.flatMap((setting) => ["--set", setting]) });
  port = await listenerPort(daemon, "http listener");
}, 60_000);

afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
  directory[Symbol.dispose]();
});

test.each(["viewer", "operator", "admin"])("the issuer's token for a %s has that role", async (role) => {
  const { status, result } = await whoAmI(await sign(first, { role, subject: `${role}-1` }));
  expect([status, result]).toEqual([200, { principal: `token:jwt-${role}-1`, role }]);
});

test("a token's role bounds what it may call", async () => {
  const stop = ["agent.stop", { agent_id: "nobody-1" }] as const;
  const mint = ["token.create", { name: "made-by-jwt", role: "viewer" }] as const;
  const outcomes = async (role: string) => {
    const token = await sign(first, { role });
    const calls = [["agent.list", {}] as const, stop, mint];
    return Promise.all(calls.map(async ([method, params]) => (await post(token, method, params)).code ?? "ok"));
  };
  expect(await outcomes("viewer")).toEqual(["ok", "FORBIDDEN", "FORBIDDEN"]);
  expect(await outcomes("operator")).toEqual(["ok", "AGENT_NOT_FOUND", "FORBIDDEN"]);
  expect(await outcomes("admin")).toEqual(["ok", "AGENT_NOT_FOUND", "ok"]);
});

const secretOf = ({ publicJwk }: SigningKey) => new TextEncoder().encode(JSON.stringify(publicJwk));

test.each<[string, () => string | Promise<string>]>([
  ["is for another audience", () => sign(first, { audience: "another" })],
  ["is of another issuer", () => sign(first, { issuer: "https://evil.example.org" })],
  ["has expired", () => sign(first, { endsIn: -2 * minute })],
  ["is signed by another key of the same name", () => sign(stranger)],
  ["is signed by a key that is not published", () => sign(second)],
  ["names no role", () => sign(first, { role: "" })],
  ["names a role that only an agent has", () => sign(first, { role: "agent" })],
  ["names no subject that a principal can have", () => sign(first, { subject: "../ann" })],
  [
    "never expires",
    () =>
      new SignJWT(roleOf({}))
        .setProtectedHeader({ alg: "EdDSA", kid: "first" })
        .setIssuer(issuer)
        .setAudience("armorclaw")
        .setSubject("ann")
        .sign(first.privateKey),
  ],
  ["is not signed", () => claimed(new UnsecuredJWT(roleOf({})), {}).encode()],
  [
    "is signed by the public key as a shared secret",
    () => claimed(new SignJWT(roleOf({})).setProtectedHeader({ alg: "HS256", kid: "first" }), {}).sign(secretOf(first)),
  ],
  [
    "was changed after it was signed",
    async () => {
      const [header, , signature] = (await sign(first)).split(".");
      const [, claims] = (await sign(first, { role: "admin" })).split(".");
      return [header, claims, signature].join(".");
    },
  ],
])("a token that %s is refused", async (_, make) => {
  expect(await whoAmI(await make())).toMatchObject({ status: 401, code: "UNAUTHENTICATED" });
});

test("keys that are published later are accepted at once, and withdrawn keys are no longer accepted", async () => {
  const [old, recent] = [await sign(first), await sign(second)];
  expect((await whoAmI(recent)).status).toBe(401);
  publish(first, second);
  expect((await whoAmI(recent)).status).toBe(200);
  expect((await whoAmI(old)).status).toBe(200);
  publish(second);
  expect((await whoAmI(old)).status).toBe(401);
  expect((await whoAmI(recent)).status).toBe(200);
  writeFileSync(keySet, '{"keys":[');
  expect(await whoAmI(recent)).toMatchObject({ status: 503, code: "ISSUER_UNAVAILABLE" });
  publish(first);
  await until("the keys to be read again", async () => (await whoAmI(old)).status === 200);
});

test("a WebSocket that a token has opened closes when the token expires", async () => {
  // The clocks of issuer and bridge may differ by half a minute.
  const token = await sign(first, { endsIn: 4 - minute / 2, role: "operator" });
  await using client = await connect({ url: `ws://127.0.0.1:${port}`, token });
  expect(await client.call("rpc.authenticate", { token })).toEqual({ principal: "token:jwt-ann", role: "operator" });
  const reason = await new Promise<unknown>((resolve) =>
    client.onState((state, why) => {
      if (state !== "connected") resolve(why);
    }),
  );
  expect(reason).toMatchObject({ cause: { code: "UNAUTHENTICATED", message: expect.stringContaining("expired") } });
});
