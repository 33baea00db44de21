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

/** Verifies a JWT. Rejects when it is not good; with a BridgeError when that cannot be told. */
export type VerifyJwt = (token: string) => Promise<Principal>;

/** Who comes in by a listener that knows no local user. */
export interface Authenticator {
  /**
   * @param token what the peer gave, or undefined when it gave nothing
   * @throws BridgeError UNAUTHENTICATED, RATE_LIMITED while the address is kept out, or ISSUER_UNAVAILABLE
   */
  authenticate(token: string | undefined, address: string): Promise<Principal>;
}

/** An address with this many failures is kept out. */
const failuresMax = 3;
/** The first time for this long, and twice as long each time after. */
const firstPenaltyMs = 10_000;
const penaltyMaxMs = 600_000;
/** Failures are forgotten after this long without another. */
const forgetAfterMs = 900_000;
/** Addresses that are remembered; the oldest goes first. */
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
    // The peer is not to blame for keys that cannot be had.
    if (error instanceof BridgeError) throw error;
    // Why a JWT is not good is for whoever issued it; a peer that holds a bad one is told no more than of a bad token.
    return undefined;
  }
}

/** Where a request comes from. An IPv4 peer of an IPv6 socket is told as what it is. */
export const addressOf = ({ socket }: IncomingMessage): string =>
  (socket.remoteAddress ?? "").replace(/^::ffff:(?=\d+\.)/, "");

/** `Authorization: Bearer TOKEN`. */
export const bearerOf = (header: string | undefined): string | undefined => /^Bearer (\S+)$/i.exec(header ?? "")?.[1];
