import { spawnSync } from "node:child_process";
import { expect, test } from "@jest/globals";
import { runContainerFaults } from "../support/container-faults.ts";
import { describeIf } from "../support/require-part.ts";

const isRoot = process.getuid?.() === 0;
const has = (program: string) => spawnSync(program, ["--version"]).status === 0;

/** Spread evenly, and the same in each run. */
const sequence = () => {
  let at = 0;
  return () => (at = (at + 0.618_034) % 1);
};

describeIf(
  isRoot && has("bwrap"),
  "it needs root and bubblewrap",
  "kills of agents and of the bridge (sandbox)",
  () => {
    test("leave every agent once, nothing else, and strangers alone", async () => {
      const report = await runContainerFaults("sandbox", { agentKills: 4, bridgeKills: 2, engineKills: 0 }, sequence());
      expect(report).toMatchObject({ orphans: 0, duplicates: 0, strangersTouched: 0, carriedOver: 2 });
    }, 120_000);
  },
);

describeIf(
  isRoot && has("dockerd"),
  "it needs root and dockerd",
  "kills of agents, the bridge and dockerd (docker)",
  () => {
    test("leave every agent once, nothing else, and strangers alone", async () => {
      const report = await runContainerFaults("docker", { agentKills: 2, bridgeKills: 1, engineKills: 2 }, sequence());
      expect(report).toMatchObject({ orphans: 0, duplicates: 0, strangersTouched: 0, carriedOver: 3 });
    }, 180_000);
  },
);
