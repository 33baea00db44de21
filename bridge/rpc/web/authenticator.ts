import type { IncomingMessage } from "node:http";
import type { Principal } from "@armorclaw/protocol";
import { BridgeError } from "@armorclaw/protocol/errors";
import { BoundedMap } from "../../platform/bounded-map.ts";
import type { Clock } from "../../platform/clock.ts";
import { backOff } from "../../platform/retry.ts";

/** Verifies opaque tokens. The owner of the tokens implements it. */
export interface TokenVerifier {
  /** Whether the text has the form of such a token. */
  isToken(text: string): boolean;
  /** @returns undefined when the token is not valid for a peer with this address */
  verify(token: string, address: string): Principal | undefined;
}

/** Verifies a JWT. Rejects with a BridgeError when the keys are unavailable, and with another error when the JWT is invalid. */
export type VerifyJwt = (token: string) => Promise<Principal>;

/** Identifies the peers of a listener that has no local users. */
export interface Authenticator {
  /**
   * @param token what the peer gave, or undefined when it gave nothing
   * @throws BridgeError UNAUTHENTICATED, RATE_LIMITED for a wrong token of a blocked address, or ISSUER_UNAVAILABLE
   */
  authenticate(token: string | undefined, address: string): Promise<Principal>;
}

/** An address with this many failures is blocked. */
const failuresMax = 3;
/** The first block; each further failure doubles it. */
const firstPenaltyMs = 10_000;
const penaltyMaxMs = 600_000;
/** Failures expire after this long without another failure. */
const forgetAfterMs = 900_000;
/** The most addresses with failures; the oldest is dropped first. */
const addressesMax = 10_000;

interface Failures {
  readonly count: number;
  readonly at: number;
  readonly blockedUntil: number;
}

const penaltyAfter = backOff({ firstMs: firstPenaltyMs, maxMs: penaltyMaxMs });

/**
 * A valid token is always accepted, whatever else came from its address: several peers may share one. A missing token is not a wrong
 * one. An address that sends too many wrong tokens must wait.
 * @param onWrongToken reports each wrong token
 */
export function createAuthenticator(
  tokens: TokenVerifier,
  verifyJwt: VerifyJwt | undefined,
  clock: Pick<Clock, "monotonic">,
  onWrongToken: (address: string) => void = () => undefined,
): Authenticator {
  const failures = new BoundedMap<string, Failures>(addressesMax);
  const fail = (address: string): BridgeError => {
    const now = clock.monotonic();
    const known = failures.get(address);
    const waitMs = (known?.blockedUntil ?? 0) - now;
    onWrongToken(address);
    if (waitMs > 0)
      return new BridgeError("RATE_LIMITED", `${failuresMax} wrong tokens came from ${address}`, {
        retry_after_ms: Math.ceil(waitMs),
      });
    const count = known === undefined || now - known.at > forgetAfterMs ? 1 : known.count + 1;
    const blockedUntil = count < failuresMax ? 0 : now + penaltyAfter(count - failuresMax + 1);
    failures.set(address, { count, at: now, blockedUntil });
    return new BridgeError("UNAUTHENTICATED", "The token is unknown, expired or not for this address");
  };
  return {
    async authenticate(token, address) {
      if (token === undefined) throw new BridgeError("UNAUTHENTICATED", "The request has no token");
      const principal = await identify(token, address, tokens, verifyJwt);
      if (principal === undefined) throw fail(address);
      return principal;
    },
  };
}

async function identify(
  token: string,
  address: string,
  tokens: TokenVerifier,
  verifyJwt: VerifyJwt | undefined,
): Promise<Principal | undefined> {
  if (tokens.isToken(token) || verifyJwt === undefined) return tokens.verify(token, address);
  try {
    return await verifyJwt(token);
  } catch (error) {
    // Unavailable keys are not the peer's failure.
    if (error instanceof BridgeError) throw error;
    // The reason is not revealed: a peer with an invalid JWT gets the same answer as one with an invalid token.
    return undefined;
  }
}

/** Returns the address of a request's peer. An IPv4 address mapped to IPv6 is returned as IPv4. */
export const addressOf = ({ socket }: IncomingMessage): string =>
  (socket.remoteAddress ?? "").replace(/^::ffff:(?=\d+\.)/, "");

/** `Authorization: Bearer TOKEN`. */
export const bearerOf = (header: string | undefined): string | undefined => /^Bearer (\S+)$/i.exec(header ?? "")?.[1];
