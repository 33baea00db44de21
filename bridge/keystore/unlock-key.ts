import { argon2, hkdfSync, randomBytes } from "node:crypto";
import { promisify } from "node:util";
import type { Secret } from "@armorclaw/protocol";
import { BridgeError } from "@armorclaw/protocol/errors";
import { keyBytes } from "./envelope.ts";

export type UnlockKind = "passphrase" | "key-file" | "keyring" | "credentials";

/** What is kept beside a master key to derive again what opens it. */
export interface UnlockParameters {
  readonly salt: string;
  /** Argon2id's cost; absent for keys that are random already. */
  readonly memoryKib?: number;
  readonly passes?: number;
}

/** Where the key that opens the master keys comes from. */
export interface UnlockSource {
  readonly kind: UnlockKind;
  /**
   * @param isNew whether the keystore has no master key yet, so that a key may be made
   * @returns undefined when a passphrase has to be given
   * @throws BridgeError KEYSTORE_WRONG_KEY when it cannot be had
   */
  material(isNew: boolean): Promise<Secret | undefined>;
  /** Whether the configuration names this very one; otherwise what opens the keystore at present is taken. */
  readonly isNamed: boolean;
  /** The source of another kind under the same settings. */
  as(kind: UnlockKind): UnlockSource;
}

const argon2Async = promisify(argon2);
const saltBytes = 16;
/** What OWASP asks for at least, and some more: about half a second of one core. */
const cost = { memoryKib: 65_536, passes: 3 };
/** Parameters are read from the store: what is absurd there must not exhaust the memory. */
const memoryKibMax = 1_048_576;
const passesMax = 16;

export function newParameters(kind: UnlockKind): UnlockParameters {
  const salt = randomBytes(saltBytes).toString("base64");
  return kind === "passphrase" ? { salt, ...cost } : { salt };
}

/** The key that opens the master keys. */
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
    throw new BridgeError("KEYSTORE_DAMAGED", "The parameters of the passphrase make no sense");
  const message = material.use((bytes) => Buffer.from(bytes));
  try {
    const cost = { parallelism: 1, memory: memoryKib, passes, tagLength: keyBytes };
    return await argon2Async("argon2id", { message, nonce, ...cost });
  } finally {
    message.fill(0);
  }
}
