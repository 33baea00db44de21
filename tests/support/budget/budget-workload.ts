// Runs a bridge's ledger under load in its own process, so that it can be killed at any moment.
import { Budget, budgetMigrations } from "../../../bridge/budget/index.ts";
import { silentLogger } from "../../../bridge/logging/index.ts";
import { Calendar } from "../../../bridge/platform/calendar.ts";
import { systemClock } from "../../../bridge/platform/clock.ts";
import { Store } from "../../../bridge/store/index.ts";
import { cost, costLimit } from "./budget.ts";

/** The limit of all workers together: one dollar. */
const limitNanoUsd = 1_000_000_000;
/** The lease is short, so that the reservations of a killed process end soon. */
const leaseMs = 2_000;

const [path = "", workers = "0", each = "0", run = ""] = process.argv.slice(2);
const store = new Store(path, budgetMigrations, new Date().toISOString());
const budget = new Budget(
  {
    store,
    clock: systemClock,
    calendar: new Calendar("UTC"),
    publish: () => undefined,
    agentHold: { freeze: async () => undefined, thaw: async () => undefined, stop: async () => undefined },
    logger: silentLogger,
  },
  { limits: [costLimit("global", "all", limitNanoUsd)], thresholds: [100], sweepEveryMs: 200 },
);
await budget.start();
process.stdout.write("ready\n");
const counts = { reserved: 0, refused: 0, settled: 0, released: 0 };

/** Reserves, and then settles a part of the amount, releases it, or leaves it open. */
async function work(worker: number): Promise<void> {
  for (let i = 0; i < Number(each); i++) {
    const amount = 10_000 + ((worker * 7_919 + i * 104_729) % 90_000);
    const id = `${run} ${worker} ${i}`;
    try {
      await budget.reserve({
        id,
        attribution: { agent: `w-${worker}` },
        amounts: cost(amount),
        leaseMs,
        onExpiry: i % 2 === 0 ? "release" : "spend",
      });
    } catch (error) {
      if ((error as { code?: string }).code !== "BUDGET_EXCEEDED") throw error;
      counts.refused += 1;
      continue;
    }
    counts.reserved += 1;
    if (i % 10 === 9) {
      await budget.release(id);
      counts.released += 1;
    } else if (i % 50 !== 13) {
      await budget.settle(id, {
        amounts: cost(Math.floor(amount / (1 + (i % 3)))),
        inputTokens: 1,
        outputTokens: 1,
        basis: "provider",
      });
      counts.settled += 1;
    }
  }
}

await Promise.all(Array.from({ length: Number(workers) }, (_, worker) => work(worker)));
await budget.stop();
store.close();
process.stdout.write(`${JSON.stringify(counts)}\n`);
