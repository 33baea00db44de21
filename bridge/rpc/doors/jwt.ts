import { readFile } from "node:fs/promises";
import { type Principal, Role } from "@armorclaw/protocol";
import type { VerifyJwt } from "./authenticator.ts";

export interface JwtSettings {
  readonly issuer: string;
  readonly audience: string;
  /** Where the issuer's keys are: an https URL, or a file. */
  readonly jwks: string;
  /** The claim that holds the role. */
  readonly roleClaim: string;
}

/** Signatures that need the issuer's private key. A shared secret is none, and `none` is none either. */
const algorithms = ["EdDSA", "ES256", "ES384", "ES512", "RS256", "PS256"];
const clockToleranceS = 30;

/** Accepts the JWTs of one issuer. The library is loaded when the first one comes. */
export function createJwtVerifier({ issuer, audience, jwks, roleClaim }: JwtSettings): VerifyJwt {
  const load = async () => {
    const { createLocalJWKSet, createRemoteJWKSet, jwtVerify } = await import("jose");
    const keys = jwks.startsWith("https://")
      ? createRemoteJWKSet(new URL(jwks))
      : createLocalJWKSet(JSON.parse(await readFile(jwks, "utf8")));
    const options = { issuer, audience, algorithms, clockTolerance: clockToleranceS, requiredClaims: ["exp", "sub"] };
    return (token: string) => jwtVerify(token, keys, options);
  };
  let loading: ReturnType<typeof load> | undefined;
  return async (token) => {
    loading ??= load();
    const { payload } = await (await loading)(token);
    return principalOf(payload.sub, payload[roleClaim]);
  };
}

function principalOf(subject: string | undefined, claimed: unknown): Principal {
  const role = Role.exclude(["agent"]).parse(claimed);
  if (subject === undefined || !/^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/.test(subject) || subject.length > 40)
    throw new Error("The subject is no name that a principal can have");
  return { kind: "token", id: `token:jwt-${subject}`, role };
}
