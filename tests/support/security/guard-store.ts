import { join } from "node:path";
import { Secret } from "@armorclaw/protocol";
import { Approvals, approvalMigrations } from "../../../bridge/approvals/index.ts";
import { Audit, anchorFile, auditMigrations } from "../../../bridge/audit/index.ts";
import { Keystore, keystoreMigrations, unlockSource } from "../../../bridge/keystore/index.ts";
import { systemClock } from "../../../bridge/platform/clock.ts";
import { type Migration, Store } from "../../../bridge/store/index.ts";

/** This is not the bridge's own publisher, which would import the whole log. */
const silentLogger = { debug() {}, info() {}, warn() {}, error() {} };

/** The keystore and the audit record on one real store, composed like in the daemon. */
export async function keysAndRecordOn(directory: string, others: readonly Migration[] = []) {
  const migrations = [...keystoreMigrations, ...auditMigrations, ...others];
  const store = new Store(join(directory, "store.db"), migrations, "2026-11-21T08:00:00.000Z");
  const common = { store, clock: systemClock, logger: silentLogger };
  const keyFile = join(directory, "keystore.key");
  const outside = { credentialsDirectory: undefined, installId: "0123456789ab", platform: process.platform };
  const source = unlockSource({ kind: "key-file", keyFile, ...outside });
  const keystore = new Keystore({ ...common, source, publish: () => undefined, autoLockMs: undefined });
  const audit = new Audit({ ...common, sinks: [anchorFile(join(directory, "audit.anchors"))], entriesMax: 1_000_000 });
  try {
    await keystore.unlock();
    audit.useKey(keystore.internalKey("audit"));
    await audit.start();
  } catch (error) {
    store.close();
    throw error;
  }
  const close = async () => {
    try {
      await audit.stop();
      keystore.lock();
    } finally {
      store.close();
    }
  };
  return { store, keystore, audit, close, secret: (text: string) => Secret.fromText(text) };
}

export type KeysAndRecord = Awaited<ReturnType<typeof keysAndRecordOn>>;

/** The same with approvals. */
export async function guardsOn(directory: string) {
  const guards = await keysAndRecordOn(directory, approvalMigrations);
  const heard = { onRequested: () => undefined, onDecided: () => undefined };
  const common = { store: guards.store, clock: systemClock, logger: silentLogger };
  const approvals = new Approvals({ ...common, ...heard }, { ttlMs: 600_000, pendingMax: 10_000 });
  try {
    await approvals.start();
  } catch (error) {
    guards.store.close();
    throw error;
  }
  const close = async () => {
    await approvals.stop();
    await guards.close();
  };
  return { ...guards, approvals, close };
}
