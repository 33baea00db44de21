// `npm run faults:containers -- --json`: kills agents, the bridge and dockerd at random points, and runs the attacks. `--nightly` for the long run.
import { parseArgs } from "node:util";
import { runAttacks } from "../support/attack-suite.ts";
import { runContainerFaults } from "../support/container-faults.ts";
import { startPrivateDockerd } from "../support/dockerd.ts";
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

const report: Record<string, unknown> = { seed: values.seed, nightly: values.nightly };
for (const engine of values.engine as ("sandbox" | "docker")[]) {
  const faults = await runContainerFaults(
    engine,
    { ...sizes, engineKills: engine === "docker" ? sizes.engineKills : 0 },
    random,
  );
  report[engine] = { faults, attacks: await attacks(engine) };
}
process.stdout.write(`${JSON.stringify(report, null, values.json ? undefined : 2)}\n`);

async function attacks(engine: "sandbox" | "docker") {
  using directory = tempDirectory();
  if (engine === "sandbox") return await runAttacks(engine, directory.path);
  const { host, stop } = await startPrivateDockerd(`${directory.path}/d`);
  try {
    return await runAttacks(engine, directory.path, { dockerHost: host });
  } finally {
    await stop();
  }
}
