import { spawnSync } from "node:child_process";
import { expect, test } from "@jest/globals";
import { type FaultSizes, runContainerFaults } from "../support/engines/container-faults.ts";
import { describeIf } from "../support/machine/require-part.ts";

const isRoot = process.getuid?.() === 0;
const has = (program: string) => spawnSync(program, ["--version"]).status === 0;

/** The values are spread evenly, and equal in each run. */
const sequence = () => {
  let at = 0;
  return () => (at = (at + 0.618_034) % 1);
};

async function expectNothingLost(engine: "sandbox" | "docker", sizes: FaultSizes): Promise<void> {
  const report = await runContainerFaults(engine, sizes, sequence());
  expect(report).toMatchObject({ orphans: 0, duplicates: 0, strangersTouched: 0, carriedOver: report.outages });
  expect(report.outages).toBeGreaterThan(0);
  expect(report.inRecovery).toBeGreaterThan(0);
}

describeIf(isRoot && has("bwrap"), "it needs root and bubblewrap", "kills on the sandbox engine", () => {
  test("of agents and the bridge leave each agent running once, no other container, and other installs untouched", async () => {
    await expectNothingLost("sandbox", { agentKills: 4, bridgeKills: 2, engineKills: 0 });
  }, 180_000);
});

describeIf(isRoot && has("dockerd"), "it needs root and dockerd", "kills on the docker engine", () => {
  test("of agents, the bridge and dockerd leave each agent running once, no other container, and other installs untouched", async () => {
    await expectNothingLost("docker", { agentKills: 2, bridgeKills: 1, engineKills: 2 });
  }, 180_000);
});
