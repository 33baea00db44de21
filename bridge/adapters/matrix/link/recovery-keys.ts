import { BridgeError } from "@armorclaw/protocol/errors";
import { decodeRecoveryKey, encodeRecoveryKey } from "matrix-js-sdk/lib/crypto-api/recovery-key.js";
import * as z from "zod";
import type { SecretStore, Session } from "./session.ts";

const secretName = "matrix-recovery-keys";
/** The most accounts whose keys are kept. The least recently used is removed first. */
const keptMax = 16;

/** Pairs of account and key in base64, the newest last. */
const Kept = z.array(z.tuple([z.string(), z.string()]));

/** Keeps recovery keys that were verified to unlock their accounts. They outlive logins, because a new device needs them. */
export class RecoveryKeys {
  readonly #secrets: () => SecretStore;
  /** The accounts with a key. It is known while the keystore is locked too. */
  #accounts: ReadonlySet<string> = new Set();

  constructor(secrets: () => SecretStore) {
    this.#secrets = secrets;
  }

  /** In base64, by the account. @throws BridgeError KEYSTORE_LOCKED */
  async all(): Promise<ReadonlyMap<string, string>> {
    const text = await this.#secrets().get(secretName);
    const all = new Map(text === undefined ? [] : Kept.parse(JSON.parse(text)));
    this.#accounts = new Set(all.keys());
    return all;
  }

  /** As of the last read, at a login or a start. */
  isKept(userId: string): boolean {
    return this.#accounts.has(userId);
  }

  async keep({ userId, recoveryKey }: Session): Promise<void> {
    const all = [...(await this.all())];
    const [newest] = all.slice(-1);
    if (newest?.[0] === userId && newest[1] === recoveryKey) return;
    const others = all.filter(([id]) => id !== userId);
    await this.#save([...others, [userId, recoveryKey]]);
  }

  async forget(userId: string): Promise<void> {
    await this.#save([...(await this.all())].filter(([id]) => id !== userId));
  }

  /**
   * The key in the form that clients show.
   * @param userId the account. The last one that logged in when left out.
   * @throws BridgeError MATRIX_NO_RECOVERY_KEY, KEYSTORE_LOCKED
   */
  async show(userId?: string): Promise<{ userId: string; shown: string }> {
    const all = await this.all();
    const id = userId ?? [...all.keys()].at(-1);
    const key = id === undefined ? undefined : all.get(id);
    const shown = key === undefined ? undefined : encodeRecoveryKey(Buffer.from(key, "base64"));
    if (id === undefined || shown === undefined) throw new BridgeError("MATRIX_NO_RECOVERY_KEY");
    return { userId: id, shown };
  }

  async #save(all: readonly (readonly [string, string])[]): Promise<void> {
    const kept = all.slice(-keptMax);
    await this.#secrets().put(secretName, JSON.stringify(kept));
    this.#accounts = new Set(kept.map(([userId]) => userId));
  }
}

/** The 32 bytes of a recovery key as clients show it. @throws BridgeError MATRIX_LOGIN_FAILED */
export function parseRecoveryKey(text: string): Uint8Array {
  try {
    return decodeRecoveryKey(text);
  } catch (error) {
    throw new BridgeError("MATRIX_LOGIN_FAILED", "The recovery key is not well-formed", undefined, { cause: error });
  }
}
