import { expect, test } from "@jest/globals";
import { startTestDaemon, type TestDaemon } from "../support/daemon.ts";
import { openProbeEngine, probeLimits, probeOptions, startProbe } from "../support/engine-harness.ts";
import { describeOnEngines } from "../support/engines.ts";
import { tempDirectory } from "../support/temp.ts";

/** As the manifests have it. */
const limits = { ...probeLimits, cpus: 0.5 };

const bombs: Readonly<Record<string, string>> = {
  forks: `import("node:child_process").then((child) => { for (;;) child.spawnSync("/bin/node", ["-v"]) })`,
  memory: "{ const held = []; for (;;) held.push(Buffer.alloc(1 << 20, 1)) }",
  disk: `import("node:fs").then((fs) => { for (;;) try { fs.writeFileSync("/tmp/x" + Math.random(), Buffer.alloc(1 << 16)) } catch {} })`,
  output: `{ const line = "x".repeat(1000) + "\\n"; import("node:fs").then((fs) => { for (;;) try { fs.writeSync(1, line) } catch {} }) }`,
  processor: "{ for (;;); }",
};

/** Of calls that follow each other with a pause, as a person's or a program's do. */
async function p99({ client }: TestDaemon, calls: number): Promise<number> {
  const samples: number[] = [];
  for (let i = 0; i < calls; i++) {
    const begun = performance.now();
    await client.rpc.ping();
    samples.push(performance.now() - begun);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  return samples.toSorted((a, b) => a - b)[Math.floor(calls * 0.99)] ?? 0;
}

describeOnEngines(
  "bombs inside agents' containers",
  (engine, engineEnv) => {
    test("leave the calls of others as fast as they were, within twice their p99 or 20 ms", async () => {
      using directory = tempDirectory();
      await using daemon = await startTestDaemon({ engine, env: engineEnv(), start: ["heartbeat"] });
      await p99(daemon, 100);
      const before = await p99(daemon, 400);
      const host = engineEnv()["DOCKER_HOST"];
      const hostile = await openProbeEngine(
        probeOptions(engine, directory.path, host === undefined ? {} : { dockerHost: host }),
      );
      try {
        for (const [name, code] of Object.entries(bombs)) {
          await using bomb = await startProbe(hostile, directory.path, { limits });
          bomb.tell(code);
          const during = await p99(daemon, 300);
          expect({ name, isFast: during <= Math.max(20, 2 * before), during, before }).toMatchObject({ isFast: true });
        }
      } finally {
        await hostile.close();
      }
    }, 90_000);
  },
  ["sandbox", "docker"],
);
