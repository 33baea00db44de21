import { createHash, createHmac, hkdfSync, randomBytes, timingSafeEqual } from "node:crypto";
import { Secret } from "@armorclaw/protocol";
import { BridgeError } from "@armorclaw/protocol/errors";
import type { Sql } from "../store/index.ts";
import { associated, keyBytes, open, seal } from "./envelope.ts";
import {
  addMaster,
  allKeys,
  findKey,
  type KeyMeta,
  type KeyRow,
  keysOfOtherMasters,
  type MasterRow,
  masters,
  removeMaster,
  rewrapMaster,
  savedRoster,
  saveKey,
  saveRoster,
} from "./store.ts";
import type { UnlockKind, UnlockParameters } from "./unlock-key.ts";

/** The key that opened the keystore. New master keys are sealed under it. */
export interface Unlocked {
  readonly kind: UnlockKind;
  readonly parameters: UnlockParameters;
  readonly unlockKey: Buffer;
}

/** The opened master keys, and what can be done with them while the keystore is unlocked. */
export class Vault {
  #unlocked: Unlocked;
  readonly #masters = new Map<string, Buffer>();
  #currentId = "";

  private constructor(unlocked: Unlocked) {
    this.#unlocked = unlocked;
  }

  /** @throws BridgeError KEYSTORE_WRONG_KEY when the key opens none of the master keys; nothing is changed */
  static open(rows: readonly MasterRow[], unlocked: Unlocked): Vault {
    const vault = new Vault(unlocked);
    for (const row of rows) {
      try {
        vault.#masters.set(row.id, open(unlocked.unlockKey, masterAad(row), row.envelope));
      } catch (cause) {
        vault.wipe();
        throw new BridgeError("KEYSTORE_WRONG_KEY", undefined, undefined, { cause });
      }
      if (row.isCurrent) vault.#currentId = row.id;
    }
    return vault;
  }

  static create(sql: Sql, unlocked: Unlocked, now: number): Vault {
    const vault = new Vault(unlocked);
    vault.addMaster(sql, now);
    return vault;
  }

  /** Creates a new current master key. Keys that are sealed under older ones stay so until `resealSome` seals them again. */
  addMaster(sql: Sql, now: number): void {
    const id = `mk_${randomBytes(8).toString("hex")}`;
    const { kind, parameters, unlockKey } = this.#unlocked;
    const master = randomBytes(keyBytes);
    const head = { id, createdAt: now, kind, parameters };
    addMaster(sql, { ...head, isCurrent: true, envelope: seal(unlockKey, masterAad(head), master) });
    this.#masters.set(id, master);
    this.#currentId = id;
    this.signRoster(sql);
  }

  /** Seals the master keys themselves under another unlock key. The caller calls `useUnlocked` once that is durable. */
  rewrap(sql: Sql, { kind, parameters, unlockKey }: Unlocked): void {
    for (const row of masters(sql)) {
      const head = { ...row, kind, parameters };
      rewrapMaster(sql, { ...head, envelope: seal(unlockKey, masterAad(head), this.#master(row.id)) });
    }
    this.signRoster(sql);
  }

  useUnlocked(unlocked: Unlocked): void {
    this.#unlocked.unlockKey.fill(0);
    this.#unlocked = unlocked;
  }

  /** Restores the master keys of the store, after a transaction that made a new one was rolled back. */
  useSaved(rows: readonly MasterRow[]): void {
    const saved = new Set(rows.map(({ id }) => id));
    for (const id of this.#masters.keys()) if (!saved.has(id)) this.#masters.delete(id);
    this.#currentId = rows.find(({ isCurrent }) => isCurrent)?.id ?? "";
  }

  seal(meta: KeyMeta, value: Uint8Array): KeyRow {
    const masterId = this.#currentId;
    const dataKey = randomBytes(keyBytes);
    const envelope = seal(dataKey, keyAad("value", meta, masterId), value);
    const wrapped = seal(this.#master(masterId), keyAad("data key", meta, masterId), dataKey);
    dataKey.fill(0);
    return { ...meta, masterId, dataKey: wrapped, envelope };
  }

  /** @throws BridgeError KEYSTORE_DAMAGED */
  unseal(row: KeyRow): Secret {
    const dataKey = open(this.#master(row.masterId), keyAad("data key", row, row.masterId), row.dataKey);
    try {
      return new Secret(open(dataKey, keyAad("value", row, row.masterId), row.envelope));
    } finally {
      dataKey.fill(0);
    }
  }

  /** Seals up to `limit` keys of older master keys again, and removes those master keys with the last one. @returns how many keys */
  resealSome(sql: Sql, limit: number): number {
    const rows = keysOfOtherMasters(sql, this.#currentId, limit);
    for (const row of rows) {
      const value = this.unseal(row);
      saveKey(
        sql,
        value.use((bytes) => this.seal(row, bytes)),
      );
      value.wipe();
    }
    if (rows.length < limit) {
      for (const { id } of masters(sql).filter(({ id }) => id !== this.#currentId)) removeMaster(sql, id);
    }
    this.signRoster(sql);
    return rows.length;
  }

  /** Signs the list of keys, so that a record that is removed, added or replaced by an older version is detected. */
  signRoster(sql: Sql): void {
    saveRoster(sql, this.#roster(sql));
  }

  /** @throws BridgeError KEYSTORE_DAMAGED when the records are not those that were signed */
  checkRoster(sql: Sql): void {
    const saved = savedRoster(sql);
    const expected = this.#roster(sql);
    if (saved === undefined || saved.length !== expected.length || !timingSafeEqual(saved, expected))
      throw new BridgeError("KEYSTORE_DAMAGED", "The keystore's records are not those that the bridge wrote");
  }

  /** Returns one of the bridge's own keys. It is a stored secret and not derived from a master key, so that it outlives rotations. */
  internal(sql: Sql, id: string, now: number): Buffer {
    const row = findKey(sql, id) ?? this.#makeInternal(sql, id, now);
    return this.unseal(row).use((bytes) => Buffer.from(bytes));
  }

  wipe(): void {
    for (const master of this.#masters.values()) master.fill(0);
    this.#masters.clear();
    this.#unlocked.unlockKey.fill(0);
  }

  #makeInternal(sql: Sql, id: string, now: number): KeyRow {
    const common = { version: 1, provider: "armorclaw", displayName: "", tags: [], baseUrl: null, expiresAt: null };
    const row = this.seal({ id, ...common, createdAt: now, updatedAt: now }, randomBytes(keyBytes));
    saveKey(sql, row);
    this.signRoster(sql);
    return row;
  }

  #roster(sql: Sql): Buffer {
    const key = Buffer.from(hkdfSync("sha256", this.#master(this.#currentId), "", "armorclaw roster 1", keyBytes));
    const mac = createHmac("sha256", key);
    for (const row of masters(sql))
      mac.update(masterAad(row)).update(associated(row.isCurrent ? 1 : 0, digest(row.envelope)));
    for (const row of allKeys(sql)) {
      const { dataKey, envelope } = row;
      mac.update(keyAad("value", row, row.masterId)).update(associated(digest(dataKey), digest(envelope)));
    }
    return mac.digest();
  }

  #master(id: string): Buffer {
    const master = this.#masters.get(id);
    if (master === undefined) throw new BridgeError("KEYSTORE_DAMAGED", "A master key is missing");
    return master;
  }
}

const digest = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

const masterAad = ({ id, createdAt, kind, parameters }: Omit<MasterRow, "envelope" | "isCurrent">) =>
  associated("armorclaw master 1", id, createdAt, kind, JSON.stringify(parameters));

/** The data that ties a sealed value to its record: after the value is moved to another record, or the record is changed, it does not open. */
const keyAad = (what: "data key" | "value", key: KeyMeta, masterId: string) =>
  associated(
    `armorclaw ${what} 1`,
    key.id,
    key.displayName,
    key.version,
    key.provider,
    JSON.stringify(key.tags),
    key.baseUrl,
    key.createdAt,
    key.updatedAt,
    key.expiresAt,
    masterId,
  );
