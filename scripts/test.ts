// `npm test`: provides what the tests need, runs them all, and ends with one line that counts them.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { engineAnswers, startPrivateDockerd } from "../tests/support/engines/dockerd.ts";
import { provideWine } from "../tests/support/machine/wine.ts";
import { provideSynapse } from "../tests/support/matrix/synapse.ts";
import { provision } from "./provision.ts";
import { runJest } from "./run-jest.ts";

const say = (line: string) => process.stderr.write(`[test] ${line}\n`);

const scratch = mkdtempSync(join(tmpdir(), "ac-test-"));
const missing = provision(process.env, say);
const [docker, noSynapse, noWine] = await Promise.all([
  provideDocker(),
  provideSynapse(process.env, say),
  provideWine(process.env, say),
]);
for (const reason of [noSynapse, noWine]) if (reason !== undefined) missing.push(reason);
const totals = await runJest(process.argv.slice(2), testEnv(docker?.host), scratch);
await docker?.stop();
for (const line of missing) say(line);
rmSync(scratch, { recursive: true, force: true });
for (const line of totals.passedOnlyAlone) say(`failed, and passed when it was run again alone: ${line}`);
process.stdout.write(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped\n`);
// Wine alone may be missing in continuous integration too: what is left out for it is one test.
const mayBeSkipped = noWine === undefined ? 0 : 1;
const isTooMuchSkipped = process.env["CI"] === "true" && totals.skipped > mayBeSkipped;
if (totals.failed > 0 || totals.passed === 0 || isTooMuchSkipped) process.exitCode = 1;

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

function testEnv(dockerHost: string | undefined): NodeJS.ProcessEnv {
  return {
    ...process.env,
    ...(dockerHost === undefined ? {} : { ARMORCLAW_TEST_DOCKER_HOST: dockerHost }),
    ...(noWine === undefined ? {} : { ARMORCLAW_TEST_NO_WINE: noWine }),
  };
}
