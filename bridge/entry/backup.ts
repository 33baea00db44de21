import { existsSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { BridgeError } from "@armorclaw/protocol";
import { Audit } from "../audit/index.ts";
import type { CliIo } from "../cli/core/io.ts";
import { reportFailure } from "../cli/run-cli.ts";
import { type Environment, loadConfig } from "../config/index.ts";
import { migrations } from "../daemon/migrations.ts";
import { Keystore, unlockSource } from "../keystore/index.ts";
import { silentLogger } from "../logging/index.ts";
import { systemClock, timestamp } from "../platform/clock.ts";
import { openStateDirectory } from "../platform/state-directory.ts";
import { type BackupHeader, Store, unpackBackup } from "../store/index.ts";

/** `armorclaw backup verify|restore FILE`: the tools that work without a bridge. Resolves to the exit code. */
export async function runBackup(argv: readonly string[], env: Environment, io: CliIo): Promise<number> {
  const isJson = argv.includes("--json");
  try {
    const { verb, file, flags } = readLine(argv);
    const { config } = loadConfig({ flags, env, uid: process.getuid?.(), platform: process.platform });
    const installId = openStateDirectory(config.stateDir);
    const work = mkdtempSync(join(config.stateDir, "restore-"));
    try {
      const copy = join(work, "store.db");
      const header = unpackBackup(file, copy);
      const { keyFile = join(config.stateDir, "keystore.key"), source } = config.keystore;
      const key = unlockSource({
        kind: source,
        keyFile,
        installId,
        platform: process.platform,
        credentialsDirectory: env["CREDENTIALS_DIRECTORY"],
      });
      const found = await inspect(copy, key);
      if (verb === "restore")
        putInPlace(
          copy,
          join(config.stateDir, "store.db"),
          config.audit.anchorFile ?? join(config.stateDir, "audit.anchors"),
        );
      const result = { ok: true, restored: verb === "restore", ...wireHeader(header), ...found };
      io.stdout.write(isJson ? `${JSON.stringify(result)}\n` : `${inWords(result)}\n`);
      return 0;
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  } catch (error) {
    return reportFailure(error, io, isJson);
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
  // They tell of the store that was there, and would call the restored one cut off.
  if (existsSync(anchors)) renameSync(anchors, `${anchors}.before-restore`);
  for (const rest of ["-wal", "-shm"]) rmSync(`${target}${rest}`, { force: true });
  renameSync(copy, target);
}

function readLine(argv: readonly string[]) {
  const [verb = "", ...rest] = argv;
  const option = { type: "string" } as const;
  const { values, positionals } = parseArgs({
    args: rest,
    options: { config: option, "state-dir": option, json: { type: "boolean" } },
    allowPositionals: true,
    strict: false,
  });
  const [file, ...more] = positionals;
  if (file === undefined || more.length > 0) throw new BridgeError("INVALID_PARAMS", `backup ${verb} takes one file`);
  const flags = Object.fromEntries(Object.entries(values).filter(([, value]) => typeof value === "string"));
  return { verb, file, flags: flags as Record<string, string> };
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
