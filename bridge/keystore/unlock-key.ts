import { argon2, hkdfSync, randomBytes } from "node:crypto";
import { promisify } from "node:util";
import type { Secret } from "@armorclaw/protocol";
import { BridgeError } from "@armorclaw/protocol/errors";
import { keyBytes } from "./envelope.ts";

export type UnlockKind = "passphrase" | "key-file" | "keyring" | "credentials";

/** The parameters that are stored beside a master key, to derive the key that opens it. */
export interface UnlockParameters {
  readonly salt: string;
  /** The cost of Argon2id. Absent for material that is random already. */
  readonly memoryKib?: number;
  readonly passes?: number;
}

/** The source of the key that opens the master keys. */
export interface UnlockSource {
  readonly kind: UnlockKind;
  /**
   * @param isNew whether the keystore has no master key yet, so that a key may be made
   * @returns undefined when a passphrase has to be given
   * @throws BridgeError KEYSTORE_WRONG_KEY when the material cannot be read
   */
  material(isNew: boolean): Promise<Secret | undefined>;
  /** Whether the configuration names this source. Otherwise the bridge uses the source that opens the keystore at present. */
  readonly isNamed: boolean;
  /** The source of another kind under the same settings. */
  as(kind: UnlockKind): UnlockSource;
}

const argon2Async = promisify(argon2);
const saltBytes = 16;
/** Above the minimum that OWASP recommends: about half a second of one core. */
const cost = { memoryKib: 65_536, passes: 3 };
/** The bounds on stored parameters: a damaged store must not exhaust the memory. */
const memoryKibMax = 1_048_576;
const passesMax = 16;

export function newParameters(kind: UnlockKind): UnlockParameters {
  const salt = randomBytes(saltBytes).toString("base64");
  return kind === "passphrase" ? { salt, ...cost } : { salt };
}

/** Derives the key that opens the master keys. */
export async function deriveUnlockKey(
  kind: UnlockKind,
  material: Secret,
  { salt, memoryKib = 0, passes = 0 }: UnlockParameters,
): Promise<Buffer> {
  const nonce = Buffer.from(salt, "base64");
  if (kind !== "passphrase") {
    const derived = material.use((bytes) => hkdfSync("sha256", bytes, nonce, "armorclaw unlock 1", keyBytes));
    return Buffer.from(derived);
  }
  if (memoryKib < 8 || memoryKib > memoryKibMax || passes < 1 || passes > passesMax)
    throw new BridgeError("KEYSTORE_DAMAGED", "The stored parameters of the passphrase are out of bounds");
  const message = material.use((bytes) => Buffer.from(bytes));
  try {
    const cost = { parallelism: 1, memory: memoryKib, passes, tagLength: keyBytes };
    return await argon2Async("argon2id", { message, nonce, ...cost });
  } finally {
    message.fill(0);
  }
}
