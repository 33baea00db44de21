// `npm test`: provides what the tests need, runs them all, and ends with one line that counts them.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { engineAnswers, startPrivateDockerd } from "../tests/support/dockerd.ts";
import { provideSynapse } from "../tests/support/synapse.ts";
import { provideWine } from "../tests/support/wine.ts";
import { provision } from "./provision.ts";

const say = (line: string) => process.stderr.write(`[test] ${line}\n`);

interface JestResults {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numRuntimeErrorTestSuites: number;
}

const scratch = mkdtempSync(join(tmpdir(), "ac-test-"));
const missing = provision(process.env, say);
const [docker, noSynapse, noWine] = await Promise.all([
  provideDocker(),
  provideSynapse(process.env, say),
  provideWine(process.env, say),
]);
for (const reason of [noSynapse, noWine]) if (reason !== undefined) missing.push(reason);
const results = await runJest(docker?.host);
await docker?.stop();
for (const line of missing) say(line);
rmSync(scratch, { recursive: true, force: true });
// A suite that does not load has no tests to count, and is a failure all the same.
const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
process.stdout.write(`${results.numPassedTests} passed, ${failed} failed, ${results.numPendingTests} skipped\n`);
// Wine alone may be missing in continuous integration too: what is left out for it is one test.
const mayBeSkipped = noWine === undefined ? 0 : 1;
if (
  failed > 0 ||
  results.numPassedTests === 0 ||
  (process.env["CI"] === "true" && results.numPendingTests > mayBeSkipped)
)
  process.exitCode = 1;

/** The engine that answers, or one of our own. */
async function provideDocker(): Promise<{ host: string; stop(): Promise<void> } | undefined> {
  const usual = process.env["DOCKER_HOST"] ?? "unix:///var/run/docker.sock";
  if (await engineAnswers(usual)) return { host: usual, stop: async () => undefined };
  if (process.env["ARMORCLAW_TEST_PROVISION"] === "0" || process.getuid?.() !== 0) {
    missing.push("no Docker engine answers and none may be started: the docker engine's tests cannot run");
    return undefined;
  }
  if (missing.some((line) => line.includes("dockerd"))) return undefined;
  say("no Docker engine answers: starting a private dockerd");
  try {
    return await startPrivateDockerd(join(scratch, "docker"));
  } catch (error) {
    missing.push(
      `dockerd did not start (${error instanceof Error ? error.message : String(error)}): the docker engine's tests cannot run`,
    );
    return undefined;
  }
}

async function runJest(dockerHost: string | undefined): Promise<JestResults> {
  const outputFile = join(scratch, "results.json");
  const jest = new URL("../node_modules/jest/bin/jest.js", import.meta.url).pathname;
  const flags = ["--experimental-vm-modules", "--no-warnings", jest, "--json", `--outputFile=${outputFile}`];
  const child = spawn(process.execPath, [...flags, ...process.argv.slice(2)], {
    // What jest would print as JSON on stdout is in the file.
    stdio: ["ignore", "ignore", "inherit"],
    env: {
      ...process.env,
      ...(dockerHost === undefined ? {} : { ARMORCLAW_TEST_DOCKER_HOST: dockerHost }),
      ...(noWine === undefined ? {} : { ARMORCLAW_TEST_NO_WINE: noWine }),
    },
  });
  await once(child, "close");
  return JSON.parse(readFileSync(outputFile, "utf8")) as JestResults;
}
