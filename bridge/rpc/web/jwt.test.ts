import { generateKeyPairSync } from "node:crypto";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { SignJWT } from "jose";
import { ManualClock } from "../../../tests/support/manual-clock.ts";
import { tempDirectory } from "../../../tests/support/temp.ts";
import { silentLogger } from "../../logging/index.ts";
import { createAuthenticator } from "./authenticator.ts";
import { createJwtVerifier } from "./jwt.ts";

const { publicKey, privateKey } = generateKeyPairSync("ed25519");
const keySet = JSON.stringify({ keys: [{ ...publicKey.export({ format: "jwk" }), alg: "EdDSA", kid: "k" }] });

const sign = () =>
  new SignJWT({ role: "viewer" })
    .setProtectedHeader({ alg: "EdDSA", kid: "k" })
    .setIssuer("https://issuer.example.org")
    .setAudience("armorclaw")
    .setSubject("ann")
    .setExpirationTime("1m")
    .sign(privateKey);

const settingsOf = (jwks: string) => ({
  issuer: "https://issuer.example.org",
  audience: "armorclaw",
  roleClaim: "role",
  jwks,
});
const noTokens = { isToken: (text: string) => text.startsWith("act_"), verify: () => undefined };

test("keys that are missing at the first token are fetched again after a pause, and no address has a failed log-in meanwhile", async () => {
  using directory = tempDirectory();
  const jwks = join(directory.path, "jwks.json");
  const clock = new ManualClock();
  const verify = createJwtVerifier(settingsOf(jwks), { clock, logger: silentLogger });
  const { authenticate } = createAuthenticator(noTokens, verify, clock);
  const token = await sign();
  const unavailable = { code: "ISSUER_UNAVAILABLE", details: { retry_after_ms: 1_000 } };
  // This is more often than an address may fail.
  for (const _ of [1, 2, 3, 4]) await expect(authenticate(token, "10.0.0.1")).rejects.toMatchObject(unavailable);
  writeFileSync(jwks, keySet);
  await expect(authenticate(token, "10.0.0.1")).rejects.toMatchObject(unavailable);
  clock.advance(1_000);
  expect(await authenticate(token, "10.0.0.1")).toMatchObject({ id: "token:jwt-ann", role: "viewer" });
});

test("a file of keys is read again when it has changed, and an unreadable file has no keys", async () => {
  using directory = tempDirectory();
  const jwks = join(directory.path, "jwks.json");
  writeFileSync(jwks, '{"keys":[]}');
  const clock = new ManualClock();
  const verify = createJwtVerifier(settingsOf(jwks), { clock, logger: silentLogger });
  const token = await sign();
  await expect(verify(token)).rejects.toThrow("no applicable key");
  writeFileSync(jwks, keySet);
  const outcomes = await Promise.all(Array.from({ length: 20 }, () => verify(token)));
  expect(new Set(outcomes.map(({ id }) => id))).toEqual(new Set(["token:jwt-ann"]));
  for (const make of [() => writeFileSync(jwks, "{"), () => rmSync(jwks)]) {
    make();
    await expect(verify(token)).rejects.toMatchObject({ code: "ISSUER_UNAVAILABLE" });
    writeFileSync(jwks, keySet);
    await expect(verify(token)).rejects.toMatchObject({ code: "ISSUER_UNAVAILABLE" });
    clock.advance(1_000);
    await expect(verify(token)).resolves.toMatchObject({ role: "viewer" });
  }
});

test("an issuer that cannot be reached is asked once per pause, however many tokens come at once", async () => {
  const clock = new ManualClock();
  const told: string[] = [];
  const logger = { ...silentLogger, warn: (_: object, message: string) => told.push(message) };
  const verify = createJwtVerifier(settingsOf("https://127.0.0.1:1/jwks"), { clock, logger });
  const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => verify("a.b.c")));
  const codes = outcomes.map((outcome) => (outcome.status === "rejected" ? outcome.reason.code : "verified"));
  expect(new Set(codes)).toEqual(new Set(["ISSUER_UNAVAILABLE"]));
  clock.advance(999);
  await expect(verify("a.b.c")).rejects.toMatchObject({ details: { retry_after_ms: 1 } });
  clock.advance(1);
  await expect(verify("a.b.c")).rejects.toMatchObject({ details: { retry_after_ms: 1_000 } });
  expect(told).toEqual(["the issuer's keys could not be loaded"]);
});
