import { readFile, stat } from "node:fs/promises";
import { type Principal, Role } from "@armorclaw/protocol";
import { BridgeError } from "@armorclaw/protocol/errors";
import type { Logger } from "../../logging/index.ts";
import type { Clock } from "../../platform/clock.ts";
import { untrusted } from "../../platform/os/trusted-file.ts";
import type { VerifyJwt } from "./authenticator.ts";

export interface JwtSettings {
  readonly issuer: string;
  readonly audience: string;
  /** The location of the issuer's keys: an https URL or a file. */
  readonly jwks: string;
  /** The claim that holds the role. */
  readonly roleClaim: string;
}

export interface JwtDeps {
  readonly clock: Pick<Clock, "monotonic">;
  readonly logger: Logger;
}

/** The issuer's keys as they were last read. */
interface Keys {
  /** Whether the keys are still current. */
  readonly isFresh: () => boolean | Promise<boolean>;
  readonly verify: (token: string) => Promise<{ readonly payload: Readonly<Record<string, unknown>> }>;
}

/** Only algorithms with a private key of the issuer. Shared secrets and `none` are excluded. */
const algorithms = ["EdDSA", "ES256", "ES384", "ES512", "RS256", "PS256"];
const clockToleranceS = 30;
/** The pause after a failed attempt to load the keys. */
const pauseMs = 1_000;

/**
 * Accepts the JWTs of one issuer. The library and the keys are loaded when the first one comes.
 * It rejects with ISSUER_UNAVAILABLE while the keys cannot be had, which says nothing about the token.
 */
export function createJwtVerifier(settings: JwtSettings, deps: JwtDeps): VerifyJwt {
  const keysOf = loader(() => load(settings), deps);
  return async (token) => {
    const { verify } = await keysOf();
    const { payload } = await verify(token);
    return principalOf(payload, settings.roleClaim);
  };
}

async function load({ issuer, audience, jwks }: JwtSettings): Promise<Keys> {
  const { createLocalJWKSet, createRemoteJWKSet, jwtVerify } = await import("jose");
  const options = { issuer, audience, algorithms, clockTolerance: clockToleranceS, requiredClaims: ["exp", "sub"] };
  if (!jwks.startsWith("https://")) {
    // The version is read before the file, so that a change in between is noticed.
    const version = await versionOf(jwks);
    const danger = untrusted(jwks);
    if (danger !== undefined) throw new Error(`${jwks} is not safe: ${danger}`);
    const keys = createLocalJWKSet(JSON.parse(await readFile(jwks, "utf8")));
    const isFresh = () =>
      versionOf(jwks).then(
        (now) => now === version,
        () => false,
      );
    return { isFresh, verify: (token) => jwtVerify(token, keys, options) };
  }
  const keys = createRemoteJWKSet(new URL(jwks));
  await keys.reload();
  return { isFresh: () => keys.fresh, verify: (token) => jwtVerify(token, keys, options) };
}

/** Returns a text that changes with the file. */
async function versionOf(file: string): Promise<string> {
  const { ino, size, mtimeNs } = await stat(file, { bigint: true });
  return `${ino} ${size} ${mtimeNs}`;
}

/** Shares one load between all callers, keeps the keys, and retries a failed load after a pause. */
function loader(load: () => Promise<Keys>, { clock, logger }: JwtDeps): () => Promise<Keys> {
  let keys: Keys | undefined;
  let loading: Promise<Keys> | undefined;
  let failedAt: number | undefined;
  const attempt = async () => {
    try {
      keys = await load();
      if (failedAt !== undefined) logger.info({}, "the issuer's keys were loaded");
      failedAt = undefined;
      return keys;
    } catch (error) {
      if (failedAt === undefined) logger.warn({ error }, "the issuer's keys could not be loaded");
      failedAt = clock.monotonic();
      throw unavailable(pauseMs, error);
    } finally {
      loading = undefined;
    }
  };
  return async () => {
    if (keys !== undefined && (await keys.isFresh())) return keys;
    const leftMs = failedAt === undefined ? 0 : failedAt + pauseMs - clock.monotonic();
    if (leftMs > 0) throw unavailable(leftMs);
    loading ??= attempt();
    return await loading;
  };
}

const unavailable = (retryAfterMs: number, cause?: unknown) =>
  new BridgeError("ISSUER_UNAVAILABLE", undefined, { retry_after_ms: Math.ceil(retryAfterMs) }, { cause });

function principalOf(payload: Readonly<Record<string, unknown>>, roleClaim: string): Principal {
  const { sub, exp } = payload;
  const role = Role.exclude(["agent"]).parse(payload[roleClaim]);
  if (typeof sub !== "string" || !/^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/.test(sub) || sub.length > 40)
    throw new Error("The subject is no name that a principal can have");
  return { kind: "token", id: `token:jwt-${sub}`, role, expiresAtMs: (Number(exp) + clockToleranceS) * 1000 };
}
