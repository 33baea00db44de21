import { join } from "node:path";
import { Secret } from "@armorclaw/protocol";
import { Approvals, approvalMigrations } from "../../bridge/approvals/approvals.ts";
import { Audit, anchorFile, auditMigrations } from "../../bridge/audit/audit.ts";
import { Keystore, keystoreMigrations, unlockSource } from "../../bridge/keystore/keystore.ts";
import { systemClock } from "../../bridge/platform/clock.ts";
import { Store } from "../../bridge/store/store.ts";

/** Not the bridge's own, which would bring the whole log with it. */
const silentLogger = { debug() {}, info() {}, warn() {}, error() {} };

const guardMigrations = [...keystoreMigrations, ...auditMigrations, ...approvalMigrations];

/** The keystore, the record and the approvals on one real store, as the daemon puts them together. */
export async function guardsOn(directory: string) {
  const store = new Store(join(directory, "store.db"), guardMigrations, "2026-11-21T08:00:00.000Z");
  const common = { store, clock: systemClock, logger: silentLogger };
  const keyFile = join(directory, "keystore.key");
  const outside = { credentialsDirectory: undefined, installId: "0123456789ab", platform: process.platform };
  const source = unlockSource({ kind: "key-file", keyFile, ...outside });
  const keystore = new Keystore({ ...common, source, publish: () => undefined, autoLockMs: undefined });
  const audit = new Audit({ ...common, sinks: [anchorFile(join(directory, "audit.anchors"))], entriesMax: 1_000_000 });
  const heard = { onRequested: () => undefined, onDecided: () => undefined };
  const approvals = new Approvals({ ...common, ...heard }, { ttlMs: 600_000, pendingMax: 10_000 });
  try {
    await keystore.unlock();
    audit.useKey(keystore.internalKey("audit"));
    await audit.start();
    await approvals.start();
  } catch (error) {
    store.close();
    throw error;
  }
  const close = async () => {
    try {
      await approvals.stop();
      await audit.stop();
      keystore.lock();
    } finally {
      store.close();
    }
  };
  return { store, keystore, audit, approvals, close, secret: (text: string) => Secret.fromText(text) };
}

export type TestGuards = Awaited<ReturnType<typeof guardsOn>>;
