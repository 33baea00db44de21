import { BridgeError, type Secret, type SecretMode, type SecretRequest } from "@armorclaw/protocol";
import type { Grant } from "./store.ts";
import type { Holder, PhantomTokens } from "./tokens.ts";

/** Opens keys: the keystore, as the delivery uses it. */
export interface SecretReader {
  read(id: string): Promise<{ readonly value: Secret }>;
}

export interface Delivered {
  readonly name: string;
  readonly mode: SecretMode;
  readonly value: string;
  readonly expiresAt: number | null;
}

export interface Delivery {
  readonly secrets: readonly Delivered[];
  readonly denied: readonly { readonly name: string; readonly reason: string }[];
}

/** Gives agents what their loops were granted: once per start, in memory only. */
export class SecretDelivery {
  readonly #reader: SecretReader;
  readonly #tokens: PhantomTokens;
  /** Agent → the start that has claimed, and what it was given. */
  readonly #claimed = new Map<string, { readonly epoch: number; readonly names: readonly string[] }>();

  constructor(reader: SecretReader, tokens: PhantomTokens) {
    this.#reader = reader;
    this.#tokens = tokens;
  }

  /**
   * @param isRenewal only fresh tokens, which may be had again
   * @throws BridgeError SECRET_CLAIMED, KEYSTORE_LOCKED
   */
  async claim(
    holder: Holder,
    asked: readonly SecretRequest[],
    grants: readonly Grant[],
    isRenewal: boolean,
  ): Promise<Delivery> {
    const wanted = isRenewal ? asked.filter(({ mode }) => mode === "use") : asked;
    if (!isRenewal) this.#markClaimed(holder, wanted);
    const secrets: Delivered[] = [];
    const denied: { name: string; reason: string }[] = [];
    try {
      for (const { name, mode } of wanted) {
        // A manifest that changed since asks for something else than what was granted.
        const grant = grants.find((one) => one.name === name && one.mode === mode);
        if (grant === undefined) denied.push({ name, reason: "not granted" });
        else await this.#give(holder, grant, secrets, denied);
      }
    } catch (error) {
      if (!isRenewal) this.#claimed.delete(holder.agentId);
      throw error;
    }
    return { secrets, denied };
  }

  /** Agents that were given the secret itself and may still hold it. */
  holders(grant: Pick<Grant, "name" | "mode">, isRunning: (holder: Holder) => boolean): string[] {
    if (grant.mode === "use") return [];
    return [...this.#claimed].flatMap(([agentId, { epoch, names }]) =>
      names.includes(grant.name) && isRunning({ agentId, epoch }) ? [agentId] : [],
    );
  }

  /** Before anything is awaited: of two claims at once one is refused. */
  #markClaimed({ agentId, epoch }: Holder, wanted: readonly SecretRequest[]): void {
    if (this.#claimed.get(agentId)?.epoch === epoch) throw new BridgeError("SECRET_CLAIMED");
    this.#claimed.set(agentId, { epoch, names: wanted.map(({ name }) => name) });
  }

  async #give(holder: Holder, grant: Grant, secrets: Delivered[], denied: { name: string; reason: string }[]) {
    const { name, mode } = grant;
    if (mode === "use") {
      const { token, expiresAt } = this.#tokens.issue(holder, grant);
      secrets.push({ name, mode, value: token, expiresAt });
      return;
    }
    try {
      const { value } = await this.#reader.read(grant.keyId);
      secrets.push({ name, mode, value: value.reveal(), expiresAt: null });
      value.wipe();
    } catch (error) {
      const isOfThisKey = error instanceof BridgeError && ["KEY_NOT_FOUND", "KEY_EXPIRED"].includes(error.code);
      if (!isOfThisKey) throw error;
      denied.push({ name, reason: error.message });
    }
  }
}
