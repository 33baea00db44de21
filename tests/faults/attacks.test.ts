import { spawnSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { EngineKind, EngineOptions } from "../../bridge/containers/index.ts";
import { launchers } from "../../bridge/containers/sandbox/bubblewrap.ts";
import { type AttackRow, runAttacks } from "../support/engines/attack-suite.ts";
import { describeIf } from "../support/machine/require-part.ts";
import { tempDirectory } from "../support/temp.ts";

const dockerHost = process.env["ARMORCLAW_TEST_DOCKER_HOST"];
const hasBubblewrap = spawnSync("bwrap", ["--version"]).status === 0;

interface Engine {
  readonly kind: EngineKind;
  readonly name: string;
  readonly options: Partial<EngineOptions>;
  readonly isThere: boolean;
  readonly reason: string;
}

const engines: readonly Engine[] = [
  ...launchers.map((launcher) => ({
    kind: "sandbox" as const,
    name: `the sandbox that ${launcher} launches`,
    options: { launcher },
    isThere: hasBubblewrap,
    reason: "bubblewrap is not installed",
  })),
  {
    kind: "docker",
    name: "docker",
    options: dockerHost === undefined ? {} : { dockerHost },
    isThere: dockerHost !== undefined,
    reason: "no Docker engine answers",
  },
];

for (const { kind, name, options, isThere, reason } of engines) {
  describeIf(isThere, reason, `attacks from inside an agent's container (${name})`, () => {
    const directory = tempDirectory();
    let rows: readonly AttackRow[] = [];

    beforeAll(async () => {
      process.env["ARMORCLAW_TEST_CANARY"] = "canary";
      rows = await runAttacks(kind, directory.path, options);
    }, 180_000);
    afterAll(() => {
      delete process.env["ARMORCLAW_TEST_CANARY"];
      directory[Symbol.dispose]();
    });

    test("are all denied", () => {
      expect(rows.filter(({ denied }) => !denied)).toEqual([]);
      expect(rows.length).toBeGreaterThan(100);
    });

    describe("by more than one layer", () => {
      test("each of which stops some", () => {
        const layers = new Set(rows.map(({ layer }) => layer));
        for (const layer of [
          "system call filter",
          "no capabilities",
          "read-only file system",
          "file system of its own",
        ])
          expect(layers).toContain(layer);
      });
    });
  });
}
