import type { Clock } from "../../../platform/clock.ts";
import { type TurnCredentials, type TurnSettings, turnCredentials } from "../turn/turn-credentials.ts";
import type { CallRecords } from "./call-records.ts";
import type { CallSession } from "./call-session.ts";
import { CallTokens, TokenRefused, type TokenUse } from "./call-tokens.ts";

/** Issues callers' tokens and relay credentials, and redeems the tokens. */
export class CallCredentials {
  readonly #clock: Clock;
  readonly #records: CallRecords;
  readonly #turn: TurnSettings;
  readonly #tokens: CallTokens;

  constructor(clock: Clock, records: CallRecords, turn: TurnSettings) {
    this.#clock = clock;
    this.#records = records;
    this.#turn = turn;
    this.#tokens = new CallTokens(clock);
  }

  mint(session: CallSession, use: TokenUse, ttlMs: number): { readonly token: string; readonly expiresAtMs: number } {
    this.#records.note({ event: "token.minted", ...about(session), detail: { use } });
    return this.#tokens.mint(session.id, use, ttlMs);
  }

  /** Issues credentials for the relay. They are valid for as long as a caller takes to allocate. */
  turn(session: CallSession): TurnCredentials | undefined {
    const credentials = turnCredentials(this.#turn, session.id, this.#clock.now());
    if (credentials !== undefined) this.#records.note({ event: "turn.issued", ...about(session) });
    return credentials;
  }

  /**
   * Redeems a token.
   * @param find returns the live session with that id
   * @returns the session that the token is for
   * @throws BridgeError CALL_TOKEN_REFUSED
   */
  redeem(token: string, use: TokenUse, find: (sessionId: string) => CallSession | undefined): CallSession {
    try {
      const claims = this.#tokens.redeem(token, use);
      const session = find(claims.session);
      if (session === undefined) throw new TokenRefused("expired", claims.session);
      this.#records.note({ event: "token.used", ...about(session), detail: { use } });
      return session;
    } catch (error) {
      if (error instanceof TokenRefused) {
        const { fault, session } = error;
        this.#records.noteRefusal({ event: "token.refused", sessionId: session, detail: { fault, use } });
      }
      throw error;
    }
  }
}

export const about = ({ plan }: CallSession) => ({
  sessionId: plan.sessionId,
  roomId: plan.roomId,
  principal: plan.principal,
});
