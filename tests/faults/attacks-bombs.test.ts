import assert from "node:assert/strict";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { Engine } from "../../bridge/containers/containers.ts";
import { startTestDaemon, type TestDaemon } from "../support/daemon.ts";
import { openProbeEngine, probeLimits, probeOptions, startProbe } from "../support/engine-harness.ts";
import { describeOnEngines } from "../support/engines.ts";
import { tempDirectory } from "../support/temp.ts";
import { WireClient } from "../support/wire-client.ts";

/** As the manifests have it. */
const limits = { ...probeLimits, cpus: 0.5 };

const bombs: Readonly<Record<string, string>> = {
  forks: `import("node:child_process").then((child) => { for (;;) child.spawnSync("/bin/node", ["-v"]) })`,
  memory: "{ const held = []; for (;;) held.push(Buffer.alloc(1 << 20, 1)) }",
  disk: `import("node:fs").then((fs) => { for (;;) try { fs.writeFileSync("/tmp/x" + Math.random(), Buffer.alloc(1 << 16)) } catch {} })`,
  output: `{ const line = "x".repeat(1000) + "\\n"; import("node:fs").then((fs) => { for (;;) try { fs.writeSync(1, line) } catch {} }) }`,
  processor: "{ for (;;); }",
};

/** More than one period of the processor's limit, so that a bomb has its whole share of it in each round. */
const roundMs = 250;
/** Other work on the machine spoils rounds, so the best of them counts, with a bomb and without; at most so many. */
const roundsMin = 3;
const roundsMax = 12;
/** Below this a percentile is the scheduler's and not the bridge's. */
const noiseMs = 0.5;

describeOnEngines(
  "bombs inside agents' containers",
  (engine, engineEnv) => {
    const directory = tempDirectory();
    let daemon: TestDaemon;
    let hostile: Engine;
    let bystander: WireClient;
    beforeAll(async () => {
      daemon = await startTestDaemon({ engine, env: engineEnv(), start: ["heartbeat"] });
      const host = engineEnv()["DOCKER_HOST"];
      const options = probeOptions(engine, directory.path, host === undefined ? {} : { dockerHost: host });
      hostile = await openProbeEngine(options);
      bystander = await WireClient.open(daemon.socket);
      await p99(bystander);
    }, 60_000);
    afterAll(async () => {
      await bystander[Symbol.asyncDispose]();
      await hostile.close();
      await daemon[Symbol.asyncDispose]();
      directory[Symbol.dispose]();
    });

    test.each(Object.entries(bombs))(
      "leave others' calls within twice their p99: %s",
      async (name, code) => {
        let [quiet, bombed] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
        const isFast = () => bombed < 2 * Math.max(quiet, noiseMs);
        for (let round = 0; round < roundsMin || (round < roundsMax && !isFast()); round++) {
          quiet = Math.min(quiet, await p99(bystander));
          // A new one each round: some end at their limit soon.
          await using bomb = await startProbe(hostile, directory.path, { limits });
          bomb.tell(code);
          bombed = Math.min(bombed, await p99(bystander));
        }
        process.stderr.write(`bomb: ${name} (${engine}): p99 ${quiet.toFixed(2)} → ${bombed.toFixed(2)} ms\n`);
        expect(bombed).toBeLessThan(2 * Math.max(quiet, noiseMs));
      },
      60_000,
    );
  },
  ["sandbox", "docker"],
);

/** Of calls one after the other, in milliseconds. */
async function p99(client: WireClient): Promise<number> {
  const times: number[] = [];
  for (const end = performance.now() + roundMs; performance.now() < end; ) {
    const begun = performance.now();
    const { error } = await client.call("rpc.ping");
    times.push(performance.now() - begun);
    assert(error === undefined, error?.message);
  }
  return times.sort((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? 0;
}
