import { existsSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { BridgeError } from "@armorclaw/protocol";
import { Audit } from "../audit/index.ts";
import { configOverrides } from "../cli/core/config-flags.ts";
import type { Runner } from "../cli/core/invocation.ts";
import { UsageError } from "../cli/core/usage-error.ts";
import { exitCodes, type Invocation } from "../cli/index.ts";
import { type LoadedConfig, loadConfig } from "../config/index.ts";
import { migrations } from "../daemon/migrations.ts";
import { Keystore, unlockSource } from "../keystore/index.ts";
import { silentLogger } from "../logging/index.ts";
import { systemClock, timestamp } from "../platform/clock.ts";
import { openStateDirectory } from "../platform/os/state-directory.ts";
import { type BackupHeader, Store, unpackBackup } from "../store/index.ts";

/** `armorclaw backup verify FILE`: works without a bridge. */
export const verify: Runner = (invocation) => withBackup(invocation, "verify", () => undefined);

/** `armorclaw backup restore FILE`: works without a bridge, and refuses while one runs. */
export const restore: Runner = (invocation) =>
  withBackup(invocation, "restore", (copy, { stateDir, audit }) =>
    putInPlace(copy, join(stateDir, "store.db"), audit.anchorFile),
  );

/** Unpacks and checks the backup in a directory of its own, and hands the checked copy to `use`. */
async function withBackup(
  { io, out, values, positionals }: Invocation,
  verb: "verify" | "restore",
  use: (copy: string, config: LoadedConfig["config"]) => void,
): Promise<number> {
  const [file] = positionals;
  if (file === undefined) throw new UsageError("FILE is missing", `Write \`armorclaw backup ${verb} FILE\``);
  const flags = configOverrides(values);
  const { config } = loadConfig({ flags, env: io.env, uid: process.getuid?.(), platform: process.platform });
  const installId = openStateDirectory(config.stateDir);
  const work = mkdtempSync(join(config.stateDir, "restore-"));
  try {
    const copy = join(work, "store.db");
    const header = unpackBackup(file, copy);
    const { keyFile, source: kind } = config.keystore;
    const credentialsDirectory = io.env["CREDENTIALS_DIRECTORY"];
    const { platform } = process;
    const source = unlockSource({ kind, keyFile, installId, platform, credentialsDirectory });
    const found = await inspect(copy, source);
    use(copy, config);
    const result = { ok: true, restored: verb === "restore", ...wireHeader(header), ...found };
    if (out.isJson) out.json(result);
    else out.text(inWords(result));
    return exitCodes.ok;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

interface Found {
  /** Null when the keystore needs its passphrase, which is not asked for here. */
  readonly keys: number | null;
  readonly records: number | null;
}

/** Opens everything in the copy. @throws BridgeError KEYSTORE_WRONG_KEY, KEYSTORE_DAMAGED, BACKUP_FAILED */
async function inspect(path: string, source: ReturnType<typeof unlockSource>): Promise<Found> {
  using store = new Store(path, migrations, timestamp(systemClock));
  const common = { store, clock: systemClock, logger: silentLogger };
  const hasMaster = store.read((sql) => sql.get("SELECT 1 FROM keystore_masters LIMIT 1")) !== undefined;
  if (!hasMaster) return { keys: 0, records: 0 };
  if (source.kind === "passphrase") return { keys: null, records: null };
  const keystore = new Keystore({ ...common, source, publish: () => undefined, autoLockMs: undefined });
  await keystore.unlock();
  const { keys } = keystore.verify();
  const audit = new Audit({ ...common, sinks: [], entriesMax: Number.MAX_SAFE_INTEGER });
  audit.useKey(keystore.internalKey("audit"));
  const verdict = await audit.verify();
  if (!verdict.ok)
    throw new BridgeError("BACKUP_FAILED", `The record in it is broken at ${verdict.firstBad}: ${verdict.reason}`);
  return { keys, records: verdict.records };
}

/** Puts the copy in the store's place, and the store beside it. @throws BridgeError ALREADY_RUNNING */
function putInPlace(copy: string, target: string, anchors: string): void {
  if (existsSync(target)) {
    // Opening it fails while a bridge has it, and closing it folds its log in.
    new Store(target, [], timestamp(systemClock)).close();
    renameSync(target, `${target}.before-restore`);
  }
  // Old anchors describe the previous store; verification would report the restored one as truncated.
  if (existsSync(anchors)) renameSync(anchors, `${anchors}.before-restore`);
  for (const rest of ["-wal", "-shm"]) rmSync(`${target}${rest}`, { force: true });
  renameSync(copy, target);
}

const wireHeader = ({ createdAt, version, installId, bytes, sha256 }: BackupHeader) => ({
  created_at: createdAt,
  version,
  bytes,
  sha256,
  install_id: installId,
});

function inWords({ restored, created_at, keys, records }: Found & { restored: boolean; created_at: string }): string {
  const what =
    keys === null
      ? "its keys need the passphrase and were not opened"
      : `${keys} keys open, ${records} records are whole`;
  const done = restored
    ? "Restored; the store that was there is kept as store.db.before-restore"
    : "The backup is whole";
  return `${done} (of ${created_at}; ${what})`;
}
