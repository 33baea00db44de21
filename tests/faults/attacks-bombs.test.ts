import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { Engine } from "../../bridge/containers/index.ts";
import { startTestDaemon, type TestDaemon } from "../support/daemon.ts";
import { openProbeEngine, probeLimits, probeOptions, startProbe } from "../support/engines/engine-harness.ts";
import { describeOnEngines } from "../support/engines/engines.ts";
import { tempDirectory } from "../support/temp.ts";
import { bestP99, boundMs, p99Of } from "../support/wire/bystander.ts";
import { WireClient } from "../support/wire/wire-client.ts";

/** The default of the manifests. */
const limits = { ...probeLimits, cpus: 0.5 };

const bombs: Readonly<Record<string, string>> = {
  forks: `import("node:child_process").then((child) => { for (;;) child.spawnSync("/bin/node", ["-v"]) })`,
  memory: "{ const held = []; for (;;) held.push(Buffer.alloc(1 << 20, 1)) }",
  disk: `import("node:fs").then((fs) => { for (;;) try { fs.writeFileSync("/tmp/x" + Math.random(), Buffer.alloc(1 << 16)) } catch {} })`,
  output: `{ const line = "x".repeat(1000) + "\\n"; import("node:fs").then((fs) => { for (;;) try { fs.writeSync(1, line) } catch {} }) }`,
  processor: "{ for (;;); }",
};

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
    }, 60_000);
    afterAll(async () => {
      await bystander[Symbol.asyncDispose]();
      await hostile.close();
      await daemon[Symbol.asyncDispose]();
      directory[Symbol.dispose]();
    });

    test.each(Object.entries(bombs))(
      "leave other principals' calls within twice their p99: %s",
      async (name, code) => {
        const calls = () => p99Of(bystander, "rpc.ping");
        const quiet = await bestP99(calls);
        const bombed = await bestP99(async () => {
          // Each round starts a new agent, because some end at their limit soon.
          await using bomb = await startProbe(hostile, directory.path, { limits });
          bomb.tell(code);
          return await calls();
        }, boundMs(quiet));
        process.stderr.write(`bomb: ${name} (${engine}): p99 ${quiet.toFixed(2)} → ${bombed.toFixed(2)} ms\n`);
        expect(bombed).toBeLessThan(boundMs(quiet));
      },
      60_000,
    );
  },
  ["sandbox", "docker"],
);
