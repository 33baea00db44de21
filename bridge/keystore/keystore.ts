import type { Secret } from "@armorclaw/protocol";
import { BridgeError } from "@armorclaw/protocol/errors";
import type { PublishEvent } from "../events/index.ts";
import type { Logger } from "../logging/index.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import type { Sql, Store } from "../store/index.ts";
import { Announcer } from "./announcer.ts";
import { findNamed, freeId, internalPrefix, type KeyDraft, type KeyInfo, nextVersion, withUse } from "./draft.ts";
import { expiresSoonMs } from "./expiry-watch.ts";
import { keyWarnings } from "./providers.ts";
import { allKeys, findKey, type KeyMeta, lastUses, masters, removeKey, saveKey, touchKey } from "./store.ts";
import type { UnlockKind, UnlockSource } from "./unlock-key.ts";
import { openVault, rewrapVault, sourceOf } from "./unlocking.ts";
import type { Vault } from "./vault.ts";

const keysMax = 1_000;
/** How many keys one transaction of a rotation seals, so that other writes run in between. */
const resealBatch = 50;
/** The resolution of "last used": a key that is used often is not written each time. */
const useResolutionMs = 60_000;

export interface KeystoreDeps {
  readonly store: Store;
  readonly source: UnlockSource;
  readonly publish: PublishEvent;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The keystore locks itself after this time without use. */
  readonly autoLockMs: number | undefined;
}

/** The keystore: it holds secrets, each sealed under a key of its own. */
export class Keystore {
  readonly #deps: KeystoreDeps;
  #source: UnlockSource;
  readonly #announcer: Announcer;
  readonly #onUnlock: (() => void)[] = [];
  #vault: Vault | undefined;
  #unlocking: Promise<unknown> = Promise.resolve();
  #idle: Timer | undefined;

  constructor(deps: KeystoreDeps) {
    this.#deps = deps;
    this.#source = deps.source;
    this.#announcer = new Announcer(deps.publish);
  }

  get isUnlocked(): boolean {
    return this.#vault !== undefined;
  }

  get source(): UnlockSource["kind"] {
    return this.#source.kind;
  }

  get autoLockMs(): number | undefined {
    const { autoLockMs } = this.#deps;
    return autoLockMs === 0 ? undefined : autoLockMs;
  }

  /** Calls the listener after each unlocking, before the call that unlocks is answered. */
  whenUnlocked(listener: () => void): void {
    this.#onUnlock.push(listener);
    if (this.isUnlocked) listener();
  }

  /** Unlocks the keystore when no person is needed for it. A failure is logged, and the keystore stays locked. */
  async open(): Promise<void> {
    try {
      this.#source = sourceOf(this.#deps.store, this.#deps.source);
      if (this.source === "passphrase") return this.#announcer.locked("The keystore waits for its passphrase");
      await this.unlock();
    } catch (error) {
      this.#deps.logger.error({ error }, "The keystore stays locked");
    }
  }

  /**
   * @returns how many keys of an unfinished rotation were sealed again
   * @throws BridgeError KEYSTORE_WRONG_KEY; nothing is changed then
   */
  unlock(passphrase?: Secret): Promise<number> {
    return this.#announcer.ofUnlocking(
      this.#inTurn(() => this.#unlock(passphrase)),
      () => this.source,
    );
  }

  /** @param reason is published as an event; no event is published when it is left out */
  lock(reason?: string): void {
    this.#idle?.cancel();
    if (reason !== undefined && this.isUnlocked) this.#announcer.locked(reason);
    this.#vault?.wipe();
    this.#vault = undefined;
  }

  list(provider?: string): KeyInfo[] {
    return this.#deps.store.read((sql) => {
      const uses = lastUses(sql);
      return allKeys(sql)
        .filter((row) => !row.id.startsWith(internalPrefix) && (provider === undefined || row.provider === provider))
        .map((row) => withUse(row, uses.get(row.id)));
    });
  }

  /** The ids of the keys that have expired or expire soon. */
  expiring(): string[] {
    const limit = this.#deps.clock.now() + expiresSoonMs;
    return this.list().flatMap(({ id, expiresAt }) => (expiresAt !== null && expiresAt < limit ? [id] : []));
  }

  async put(draft: KeyDraft): Promise<{ readonly info: KeyMeta; readonly warnings: readonly string[] }> {
    const { store, clock } = this.#deps;
    this.#used();
    const info = await store.write((sql) => {
      const vault = this.#checkedVault(sql);
      const id = draft.id ?? freeId(sql, draft.provider);
      const known = findKey(sql, id);
      if (known === undefined && allKeys(sql).length >= keysMax)
        throw new BridgeError("KEYSTORE_LIMIT", `${keysMax} keys are the most`);
      return this.#save(sql, vault, nextVersion(draft, id, known, clock.now()), draft.value);
    });
    return { info, warnings: keyWarnings(draft.provider, draft.value.reveal()) };
  }

  /** Gives a key its next value. @throws BridgeError KEY_NOT_FOUND */
  async replace(id: string, value: Secret): Promise<KeyMeta> {
    const { store, clock } = this.#deps;
    this.#used();
    return this.#announcer.rotated(
      await store.write((sql) => {
        const vault = this.#checkedVault(sql);
        const known = findNamed(sql, id);
        return this.#save(sql, vault, { ...known, version: known.version + 1, updatedAt: clock.now() }, value);
      }),
    );
  }

  async remove(id: string): Promise<void> {
    await this.#deps.store.write((sql) => {
      const vault = this.#checkedVault(sql);
      removeKey(sql, findNamed(sql, id).id);
      vault.signRoster(sql);
    });
  }

  /** Opens a key for one use. @throws BridgeError KEY_NOT_FOUND, KEY_EXPIRED, KEYSTORE_LOCKED */
  async read(id: string): Promise<{ readonly info: KeyInfo; readonly value: Secret }> {
    const { store, clock } = this.#deps;
    this.#used();
    const now = clock.now();
    const { info, value } = store.read((sql) => {
      const row = findNamed(sql, id);
      if (row.expiresAt !== null && row.expiresAt <= now)
        throw new BridgeError("KEY_EXPIRED", `${id} expired at ${new Date(row.expiresAt).toISOString()}`, { id });
      return {
        info: withUse(row, lastUses(sql).get(id)),
        value: this.#announcer.watching(() => this.#requireVault().unseal(row)),
      };
    });
    if (info.lastUsedAt === null || now - info.lastUsedAt >= useResolutionMs)
      await store.write((sql) => touchKey(sql, id, now));
    return { info, value };
  }

  /** @throws BridgeError KEY_NOT_FOUND */
  info(id: string): KeyInfo {
    return this.#deps.store.read((sql) => withUse(findNamed(sql, id), lastUses(sql).get(id)));
  }

  /** Seals every key again under a new master key. After a crash the next unlocking completes the rotation. */
  async rotateMaster(): Promise<number> {
    const { store, clock } = this.#deps;
    try {
      await store.write((sql) => this.#checkedVault(sql).addMaster(sql, clock.now()));
    } catch (error) {
      this.#vault?.useSaved(store.read(masters));
      throw error;
    }
    return this.#announcer.rotatedMaster(await this.#reseal());
  }

  /**
   * Changes what unlocks the keystore, which has to be unlocked. The old passphrase or key opens no copy of the store that is made
   * from now on; against somebody who has had the master key itself, `rotateMaster` must follow.
   * @returns whether the configuration names another source, so that the next start would fail
   */
  rekey(kind: UnlockKind, passphrase?: Secret): Promise<boolean> {
    return this.#inTurn(async () => {
      const { store, source } = this.#deps;
      this.#source = await rewrapVault(store, (sql) => this.#checkedVault(sql), this.#source, kind, passphrase);
      return source.isNamed && source.kind !== kind;
    });
  }

  /** Opens every record. @throws BridgeError KEYSTORE_LOCKED, KEYSTORE_DAMAGED */
  verify(): { readonly keys: number } {
    return this.#deps.store.read((sql) => {
      const vault = this.#checkedVault(sql);
      const rows = allKeys(sql);
      for (const row of rows) this.#announcer.watching(() => vault.unseal(row)).wipe();
      return { keys: rows.filter(({ id }) => !id.startsWith(internalPrefix)).length };
    });
  }

  /** Returns one of the bridge's own keys, which is made at its first use. @throws BridgeError KEYSTORE_LOCKED */
  internalKey(name: string): Buffer {
    const { store, clock } = this.#deps;
    const id = `${internalPrefix}${name}`;
    const vault = this.#requireVault();
    if (store.read((sql) => findKey(sql, id)) !== undefined) return store.read((sql) => vault.internal(sql, id, 0));
    return store.writeNow((sql) => this.#checkedVault(sql).internal(sql, id, clock.now()));
  }

  /** Runs the work after the earlier one: two unlockings at once would make two first master keys. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#unlocking.then(work);
    this.#unlocking = result.catch(() => undefined);
    return result;
  }

  async #unlock(passphrase: Secret | undefined): Promise<number> {
    const { store, clock } = this.#deps;
    this.#source = sourceOf(store, this.#deps.source);
    const { vault, isRotating } = await openVault(store, this.#source, passphrase, clock.now());
    this.lock();
    this.#announcer.opened();
    this.#vault = vault;
    this.#used();
    this.#warnOfDamage(vault);
    const resealed = isRotating ? await this.#reseal() : 0;
    for (const listener of this.#onUnlock) listener();
    return resealed;
  }

  /** Reports damage without locking out the undamaged records. Reading a damaged record fails on its own. */
  #warnOfDamage(vault: Vault): void {
    try {
      this.#deps.store.read((sql) => vault.checkRoster(sql));
    } catch (error) {
      this.#deps.logger.error({ error }, "A program other than the bridge changed the keystore");
      this.#announcer.damaged(error);
    }
  }

  async #reseal(): Promise<number> {
    let resealed = 0;
    for (;;) {
      const batch = await this.#deps.store.write((sql) => this.#requireVault().resealSome(sql, resealBatch));
      resealed += batch;
      if (batch < resealBatch) return resealed;
    }
  }

  #save(sql: Sql, vault: Vault, meta: KeyMeta, value: Secret): KeyMeta {
    saveKey(
      sql,
      value.use((bytes) => vault.seal(meta, bytes)),
    );
    vault.signRoster(sql);
    return meta;
  }

  #requireVault(): Vault {
    if (this.#vault === undefined) throw new BridgeError("KEYSTORE_LOCKED");
    return this.#vault;
  }

  /** Returns the vault for a write. A change by another program must not be signed as if the bridge had made it. */
  #checkedVault(sql: Sql): Vault {
    const vault = this.#requireVault();
    this.#announcer.watching(() => vault.checkRoster(sql));
    return vault;
  }

  #used(): void {
    const { clock, logger } = this.#deps;
    const { autoLockMs } = this;
    this.#idle?.cancel();
    if (autoLockMs === undefined || !this.isUnlocked) return;
    this.#idle = clock.after(autoLockMs, () => {
      logger.info({ autoLockMs }, "The keystore locked itself because it was not used");
      this.lock(`It was unused for ${autoLockMs} ms`);
    });
  }
}
