import { createHash, randomBytes } from "node:crypto";
import { BridgeError } from "@armorclaw/protocol";
import type { Clock } from "../platform/clock.ts";
import type { Grant } from "./store.ts";

/** Stands for a secret where an agent would write it. Outside the bridge it means nothing. */
export const tokenPattern = /acp_[A-Za-z0-9_-]{43}/g;

export interface Holder {
  readonly agentId: string;
  /** Which start of the agent: what an earlier one held is void. */
  readonly epoch: number;
}

interface Issued extends Holder {
  readonly grant: Grant;
  readonly expiresAt: number;
}

const tokenBytes = 32;
/** Old ones of one agent go first. */
const tokensPerAgentMax = 256;

/** Tokens that stand for secrets, in memory only: they end with the bridge, as its agents do. */
export class PhantomTokens {
  readonly #clock: Clock;
  readonly #ttlMs: number;
  readonly #issued = new Map<string, Issued>();

  constructor(clock: Clock, ttlMs: number) {
    this.#clock = clock;
    this.#ttlMs = ttlMs;
  }

  issue(holder: Holder, grant: Grant): { readonly token: string; readonly expiresAt: number } {
    this.#makeRoom(holder);
    const token = `acp_${randomBytes(tokenBytes).toString("base64url")}`;
    const expiresAt = this.#clock.now() + this.#ttlMs;
    this.#issued.set(digest(token), { ...holder, grant, expiresAt });
    return { token, expiresAt };
  }

  /** @throws BridgeError SECRET_TOKEN_INVALID for everyone but the agent and start that it was given to, in its time */
  resolve(token: string, { agentId, epoch }: Holder): Grant {
    const issued = this.#issued.get(digest(token));
    const isTheirs = issued !== undefined && issued.agentId === agentId && issued.epoch === epoch;
    if (!isTheirs || issued.expiresAt <= this.#clock.now()) throw new BridgeError("SECRET_TOKEN_INVALID");
    return issued.grant;
  }

  revoke(loop: string, name: string | undefined): void {
    for (const [key, { grant }] of this.#issued)
      if (grant.loop === loop && (name === undefined || grant.name === name)) this.#issued.delete(key);
  }

  #makeRoom({ agentId, epoch }: Holder): void {
    const own = [...this.#issued].filter(([, issued]) => issued.agentId === agentId);
    const stale = own.filter(([, issued]) => issued.epoch !== epoch || issued.expiresAt <= this.#clock.now());
    for (const [key] of stale) this.#issued.delete(key);
    if (own.length - stale.length < tokensPerAgentMax) return;
    const oldest = own.find(([key]) => this.#issued.has(key));
    if (oldest !== undefined) this.#issued.delete(oldest[0]);
  }
}

const digest = (token: string): string => createHash("sha256").update(token).digest("base64");
