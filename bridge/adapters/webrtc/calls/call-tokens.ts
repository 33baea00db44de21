import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { BridgeError } from "@armorclaw/protocol/errors";
import type { Clock } from "../../../platform/clock.ts";

const prefix = "v1";
/** The bridge's own tokens are shorter. */
const tokenCharsMax = 1024;

/** `join` opens a session's signaling; `resume` opens it again after its connection broke. */
export type TokenUse = "join" | "resume";

export interface TokenClaims {
  readonly session: string;
  readonly use: TokenUse;
  readonly expiresAtMs: number;
  readonly nonce: string;
}

/** Why a token was refused. It is recorded. The client gets it only where the bridge itself wrote the token. */
export type TokenFault = "malformed" | "forged" | "expired" | "replayed" | "another_use";

const shown: Partial<Record<TokenFault, string>> = {
  expired: "The link to this call has expired",
  replayed: "The link to this call was used already",
};

export class TokenRefused extends BridgeError {
  readonly fault: TokenFault;
  readonly session: string | undefined;

  constructor(fault: TokenFault, session?: string) {
    super("CALL_TOKEN_REFUSED", shown[fault]);
    this.fault = fault;
    this.session = session;
  }
}

/**
 * Issues and verifies signed tokens. Each is valid for one session and once. The key lives as long as the process, as sessions do.
 * A token's expiry bounds the start of a call and not its duration.
 */
export class CallTokens {
  readonly #clock: Pick<Clock, "now">;
  readonly #key = randomBytes(32);
  /** Used nonces, kept until their tokens expire. */
  readonly #used = new Map<string, number>();

  constructor(clock: Pick<Clock, "now">) {
    this.#clock = clock;
  }

  mint(session: string, use: TokenUse, ttlMs: number): { readonly token: string; readonly expiresAtMs: number } {
    const claims: TokenClaims = {
      session,
      use,
      expiresAtMs: this.#clock.now() + ttlMs,
      nonce: randomBytes(12).toString("base64url"),
    };
    const body = `${prefix}.${Buffer.from(JSON.stringify(claims)).toString("base64url")}`;
    return { token: `${body}.${this.#sign(body).toString("base64url")}`, expiresAtMs: claims.expiresAtMs };
  }

  /** Redeems the token, once. @throws TokenRefused */
  redeem(token: string, use: TokenUse): TokenClaims {
    const claims = this.#verify(token);
    const { session, nonce, expiresAtMs } = claims;
    if (claims.use !== use) throw new TokenRefused("another_use", session);
    const now = this.#clock.now();
    if (expiresAtMs <= now) throw new TokenRefused("expired", session);
    if (this.#used.has(nonce)) throw new TokenRefused("replayed", session);
    for (const [other, untilMs] of this.#used) if (untilMs <= now) this.#used.delete(other);
    this.#used.set(nonce, expiresAtMs);
    return claims;
  }

  #verify(token: string): TokenClaims {
    const parts = token.length <= tokenCharsMax ? token.split(".") : [];
    const [version, body = "", signature = ""] = parts;
    if (parts.length !== 3 || version !== prefix) throw new TokenRefused("malformed");
    const expected = this.#sign(`${prefix}.${body}`);
    const given = Buffer.from(signature, "base64url");
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) throw new TokenRefused("forged");
    // The signature proves that this bridge wrote the claims.
    return JSON.parse(Buffer.from(body, "base64url").toString()) as TokenClaims;
  }

  #sign(body: string): Buffer {
    return createHmac("sha256", this.#key).update(body).digest();
  }
}
