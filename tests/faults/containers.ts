// `npm run nightly -- containers --json`: kills agents, the bridge and dockerd at random points, and runs the attacks.
import { parseArgs } from "node:util";
import { type AttackRow, runAttacks } from "../support/engines/attack-suite.ts";
import { type FaultReport, runContainerFaults } from "../support/engines/container-faults.ts";
import { startPrivateDockerd } from "../support/engines/dockerd.ts";
import { tempDirectory } from "../support/temp.ts";

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    nightly: { type: "boolean", default: false },
    seed: { type: "string", default: "1" },
    engine: { type: "string", multiple: true, default: ["sandbox", "docker"] },
  },
});
const sizes = values.nightly
  ? { agentKills: 200, bridgeKills: 50, engineKills: 50 }
  : { agentKills: 10, bridgeKills: 4, engineKills: 3 };

/** The same seed gives the same faults in the same order. */
let state = Number(values.seed);
const random = () => {
  state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
  return state / 2_147_483_648;
};

type EngineReport = { readonly faults: FaultReport; readonly attacks: readonly AttackRow[] };
const engines: Record<string, EngineReport> = {};
for (const engine of values.engine as ("sandbox" | "docker")[]) {
  const engineKills = engine === "docker" ? sizes.engineKills : 0;
  const onProgress = (done: number, all: number) => process.stderr.write(`${engine}: ${done} of ${all} faults\n`);
  const faults = await runContainerFaults(engine, { ...sizes, engineKills }, random, onProgress);
  engines[engine] = { faults, attacks: await attacks(engine) };
}
const report = { seed: values.seed, nightly: values.nightly, ...engines };
const text = values.json ? JSON.stringify(report) : Object.values(engines).map(inWords).join("\n");
process.stdout.write(`${text}\n`);
if (!Object.values(engines).every(holds)) process.exitCode = 1;

function holds({ faults, attacks: rows }: EngineReport): boolean {
  const { orphans, duplicates, strangersTouched, outages, carriedOver } = faults;
  return orphans + duplicates + strangersTouched === 0 && carriedOver === outages && rows.every(({ denied }) => denied);
}

function inWords(one: EngineReport): string {
  const { engine, faults, convergedMs, ...counts } = one.faults;
  const missed = one.attacks.filter(({ denied }) => !denied);
  return [
    `${engine}: ${holds(one) ? "all as it should be" : "NOT as it should be"}`,
    `  killed      ${faults["agent"]} times an agent, ${faults["bridge"]} times the bridge, ${faults["engine"]} times the engine`,
    `              ${counts.inRecovery} of these while the one before was still being mended`,
    `  settled     after ${convergedMs.p50} ms in the middle, ${convergedMs.max} ms at most`,
    `  left        ${counts.orphans} orphans, ${counts.duplicates} duplicates, ${counts.strangersTouched} strangers touched`,
    `  carried on  over ${counts.carriedOver} of ${counts.outages} outages of the bridge or the engine`,
    `  attacks     ${one.attacks.length - missed.length} of ${one.attacks.length} denied`,
    ...missed.map(({ attack, result }) => `              ${attack}: ${result}`),
  ].join("\n");
}

async function attacks(engine: "sandbox" | "docker"): Promise<readonly AttackRow[]> {
  using directory = tempDirectory();
  if (engine === "sandbox") return await runAttacks(engine, directory.path);
  const { host, stop } = await startPrivateDockerd(`${directory.path}/d`);
  try {
    return await runAttacks(engine, directory.path, { dockerHost: host });
  } finally {
    await stop();
  }
}
