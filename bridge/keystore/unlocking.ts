import type { Secret } from "@armorclaw/protocol";
import { BridgeError } from "@armorclaw/protocol/errors";
import type { Sql, Store } from "../store/index.ts";
import { masters } from "./store.ts";
import { deriveUnlockKey, newParameters, type UnlockKind, type UnlockSource } from "./unlock-key.ts";
import { type Unlocked, Vault } from "./vault.ts";

const kinds: readonly string[] = ["passphrase", "key-file", "keyring", "credentials"] satisfies UnlockKind[];

/**
 * The source that opens the stored master keys. The configured source has to be the same unless it is `auto`.
 * @throws BridgeError KEYSTORE_WRONG_KEY, KEYSTORE_DAMAGED
 */
export function sourceOf(store: Store, configured: UnlockSource): UnlockSource {
  const [first] = store.read(masters);
  if (first === undefined || first.kind === configured.kind) return configured;
  if (!kinds.includes(first.kind))
    throw new BridgeError("KEYSTORE_DAMAGED", "The stored source of the keystore's key is not known");
  if (!configured.isNamed) return configured.as(first.kind);
  throw new BridgeError(
    "KEYSTORE_WRONG_KEY",
    `The keystore opens with its ${first.kind}, and the configuration says ${configured.kind}: set keystore.source`,
  );
}

/** @throws BridgeError KEYSTORE_WRONG_KEY; nothing is changed then */
export async function openVault(
  store: Store,
  source: UnlockSource,
  passphrase: Secret | undefined,
  now: number,
): Promise<{ readonly vault: Vault; readonly isRotating: boolean }> {
  const rows = store.read(masters);
  const [first] = rows;
  const unlocked = await derive(source, passphrase, first === undefined, first?.parameters);
  const vault =
    first === undefined ? store.writeNow((sql) => Vault.create(sql, unlocked, now)) : Vault.open(rows, unlocked);
  return { vault, isRotating: rows.length > 1 };
}

/**
 * Seals the master keys for another source in one transaction: before it the old source opens them, after it the new one.
 * @returns the new source
 * @throws BridgeError KEYSTORE_LOCKED, INVALID_PARAMS
 */
export async function rewrapVault(
  store: Store,
  checkedVault: (sql: Sql) => Vault,
  current: UnlockSource,
  kind: UnlockKind,
  passphrase: Secret | undefined,
): Promise<UnlockSource> {
  store.read(checkedVault);
  if (kind === current.kind && kind !== "passphrase")
    throw new BridgeError("INVALID_PARAMS", `Its ${kind} unlocks it already; a fresh one goes by way of a passphrase`);
  const next = current.as(kind);
  const unlocked = await derive(next, passphrase, true, undefined);
  const vault = await store.write((sql) => {
    const vault = checkedVault(sql);
    vault.rewrap(sql, unlocked);
    return vault;
  });
  vault.useUnlocked(unlocked);
  return next;
}

async function derive(
  source: UnlockSource,
  passphrase: Secret | undefined,
  isNew: boolean,
  known: Unlocked["parameters"] | undefined,
): Promise<Unlocked> {
  const { kind } = source;
  const material = kind === "passphrase" ? passphrase : await source.material(isNew);
  if (material === undefined) throw new BridgeError("KEYSTORE_WRONG_KEY", "The passphrase is missing");
  const parameters = known ?? newParameters(kind);
  return { kind, parameters, unlockKey: await deriveUnlockKey(kind, material, parameters) };
}
