import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { nodeBinary, repositoryRoot } from "../daemon.ts";
import { ManualClock } from "../manual-clock.ts";
import { tempDirectory } from "../temp.ts";
import { openBudget } from "./budget.ts";

export interface RaceOptions {
  readonly runs: number;
  readonly workers: number;
  readonly reservationsEach: number;
  /** How often the process of each run is killed with SIGKILL. */
  readonly kills: number;
}

export interface RaceFigures {
  readonly runs: number;
  readonly workers: number;
  readonly reservations_each: number;
  readonly kills: number;
  readonly limit_nano_usd: number;
  readonly entries: number;
  /** The most that was ever spent and reserved at once, over all runs, after any entry. */
  readonly most_nano_usd: number;
  /** The largest excess over the limit. It must be 0. */
  readonly overshoot_nano_usd: number;
  /** Reservations that were open when a process died, and expired afterwards. */
  readonly leaked_and_reclaimed: number;
  /** Reservations that are still open at the end of a run. It must be 0. */
  readonly leaked: number;
  /** Counters that differ from the sum of their entries. It must be 0. */
  readonly counters_wrong: number;
  readonly duration_ms: number;
}

const limitNanoUsd = 1_000_000_000;
const workload = join(repositoryRoot, "tests/support/budget/budget-workload.ts");

/** Runs many workers on one dollar, in a process that is killed between reserve and settle and started again. */
export async function race({ runs, workers, reservationsEach, kills }: RaceOptions): Promise<RaceFigures> {
  const startedAt = performance.now();
  const sums = { entries: 0, most: 0, reclaimed: 0, leaked: 0, wrong: 0, kills: 0 };
  for (let run = 0; run < runs; run++) {
    using directory = tempDirectory();
    const path = join(directory.path, "store.db");
    for (let kill = 0; kill < kills; kill++) {
      if (await killDuring(path, [workers, reservationsEach, `${run}.${kill}`], 20 + ((run * 7 + kill * 31) % 40) * 10))
        sums.kills += 1;
    }
    await complete(path, [workers, reservationsEach, `${run}.last`]);
    await expireAll(path);
    const facts = inspect(path);
    sums.entries += facts.entries;
    sums.most = Math.max(sums.most, facts.most);
    sums.reclaimed += facts.reclaimed;
    sums.leaked += facts.open;
    sums.wrong += facts.wrong;
  }
  return {
    runs,
    workers,
    reservations_each: reservationsEach,
    kills: sums.kills,
    limit_nano_usd: limitNanoUsd,
    entries: sums.entries,
    most_nano_usd: sums.most,
    overshoot_nano_usd: Math.max(0, sums.most - limitNanoUsd),
    leaked_and_reclaimed: sums.reclaimed,
    leaked: sums.leaked,
    counters_wrong: sums.wrong,
    duration_ms: Math.round(performance.now() - startedAt),
  };
}

function begin(path: string, args: readonly (string | number)[]) {
  return spawn(nodeBinary, ["--conditions=armorclaw-source", "--no-warnings", workload, path, ...args.map(String)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
}

/** @returns whether it was killed before it had finished */
async function killDuring(path: string, args: readonly (string | number)[], afterMs: number): Promise<boolean> {
  const child = begin(path, args);
  const closed = once(child, "close");
  await Promise.race([once(child.stdout, "data"), closed]);
  await Promise.race([sleep(afterMs), closed]);
  child.kill("SIGKILL");
  const [, signal] = await closed;
  return signal === "SIGKILL";
}

async function complete(path: string, args: readonly (string | number)[]): Promise<void> {
  const child = begin(path, args);
  child.stdout.resume();
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`The workload ended with ${code}`);
}

/** Opens the ledger once more, when every lease has ended. */
async function expireAll(path: string): Promise<void> {
  const bench = await openBudget({}, { path, clock: new ManualClock(Date.now() + 3_600_000) });
  await bench.close();
}

/** Reads the entries from the database, without any code of the bridge. */
function inspect(path: string) {
  using database = new DatabaseSync(path, { readOnly: true });
  const value = (text: string): number => Number(Object.values(database.prepare(text).get() ?? { value: 0 })[0] ?? 0);
  return {
    entries: value("SELECT COUNT(*) FROM budget_entries"),
    most: value(
      "SELECT MAX(total) FROM (SELECT SUM(held_nano_usd + spent_nano_usd) OVER (ORDER BY id) AS total FROM budget_entries)",
    ),
    reclaimed: value("SELECT COUNT(*) FROM budget_entries WHERE kind = 'expire'"),
    open: value("SELECT COUNT(*) FROM budget_open") + Math.abs(value("SELECT SUM(held_nano_usd) FROM budget_entries")),
    wrong: value(`SELECT COUNT(*) FROM budget_counters c WHERE scope = 'global' AND window = 'all' AND spent_nano_usd <>
      (SELECT SUM(spent_nano_usd) FROM budget_entries)`),
  };
}
