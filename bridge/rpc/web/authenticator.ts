import type { IncomingMessage } from "node:http";
import type { Principal } from "@armorclaw/protocol";
import { BridgeError } from "@armorclaw/protocol/errors";
import type { Clock } from "../../platform/clock.ts";

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
   * @throws BridgeError UNAUTHENTICATED, RATE_LIMITED while the address is blocked, or ISSUER_UNAVAILABLE
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
  count: number;
  at: number;
  keptOutUntil: number;
}

export function createAuthenticator(
  tokens: TokenVerifier,
  verifyJwt: VerifyJwt | undefined,
  clock: Pick<Clock, "monotonic">,
): Authenticator {
  const failures = new Map<string, Failures>();
  const fail = (address: string) => {
    const now = clock.monotonic();
    const known = failures.get(address);
    const count = known === undefined || now - known.at > forgetAfterMs ? 1 : known.count + 1;
    const over = count - failuresMax;
    const keptOutUntil = over < 0 ? 0 : now + Math.min(penaltyMaxMs, firstPenaltyMs * 2 ** over);
    const [oldest] = failures.size >= addressesMax ? failures.keys() : [];
    if (oldest !== undefined) failures.delete(oldest);
    failures.set(address, { count, at: now, keptOutUntil });
    return new BridgeError("UNAUTHENTICATED", "The token is missing, unknown, expired or not for this address");
  };
  return {
    async authenticate(token, address) {
      const waitMs = (failures.get(address)?.keptOutUntil ?? 0) - clock.monotonic();
      if (waitMs > 0) {
        throw new BridgeError("RATE_LIMITED", `${failuresMax} wrong tokens came from ${address}`, {
          retry_after_ms: Math.ceil(waitMs),
        });
      }
      const principal = await identify(token, address, tokens, verifyJwt);
      if (principal === undefined) throw fail(address);
      failures.delete(address);
      return principal;
    },
  };
}

async function identify(
  token: string | undefined,
  address: string,
  tokens: TokenVerifier,
  verifyJwt: VerifyJwt | undefined,
): Promise<Principal | undefined> {
  if (token === undefined) return undefined;
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
