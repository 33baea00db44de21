// `npm test`: units, contract, conformance, and end to end on the sandbox. `npm run test:all`: every suite with every real part.
// `npm test -- PATH…`: those suites. Each provides what its suites need and ends with one line that counts the tests.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import "./build-agent.mjs";
import "./build-program.mjs";
import { engineAnswers, startPrivateDockerd } from "../tests/support/engines/dockerd.ts";
import { provideWine } from "../tests/support/machine/wine.ts";
import { provideSynapse } from "../tests/support/matrix/synapse.ts";
import { provision } from "./provision.ts";
import { runJest, type Totals } from "./run-jest.ts";
import { allSuites, quickSuites } from "./test-scope.ts";

const say = (line: string) => process.stderr.write(`[test] ${line}\n`);
const args = process.argv.slice(2);

const scratch = mkdtempSync(join(tmpdir(), "ac-test-"));
const { missing, mayBeSkipped, totals } = args.length === 0 ? await runQuick() : await runAll();
for (const line of missing) say(line);
rmSync(scratch, { recursive: true, force: true });
for (const line of totals.passedOnlyAlone) say(`failed, and passed when it was run again alone: ${line}`);
process.stdout.write(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped\n`);
const isTooMuchSkipped = process.env["CI"] === "true" && totals.skipped > mayBeSkipped;
if (totals.failed > 0 || totals.passed === 0 || isTooMuchSkipped) process.exitCode = 1;

/** Two workers: the suites wait for processes more than they compute. */
async function runQuick() {
  const missing = provision(process.env, say, ["bwrap"]);
  const env = { ...process.env, ARMORCLAW_TEST_ENGINES: "sandbox", ARMORCLAW_TEST_INTERLEAVINGS: "20000" };
  const totals = await runJest(["--maxWorkers=2", "--runTestsByPath", ...quickSuites()], env, scratch);
  return { missing, mayBeSkipped: 0, totals };
}

/** Two suites at a time where they are units, and one where real parts share the machine. */
async function runAll() {
  const missing = provision(process.env, say);
  const [docker, noSynapse, noWine] = await Promise.all([
    provideDocker(missing),
    provideSynapse(process.env, say),
    provideWine(process.env, say),
  ]);
  for (const reason of [noSynapse, noWine]) if (reason !== undefined) missing.push(reason);
  const env = {
    ...process.env,
    ...(docker === undefined ? {} : { ARMORCLAW_TEST_DOCKER_HOST: docker.host }),
    ...(noWine === undefined ? {} : { ARMORCLAW_TEST_NO_WINE: noWine }),
  };
  const named = args.filter((arg) => arg !== "--all");
  const totals = named.length > 0 ? await runJest(named, env, scratch) : await runWhole(env);
  await docker?.stop();
  // Wine alone may be missing in continuous integration too: what is left out for it is one test.
  return { missing, mayBeSkipped: noWine === undefined ? 0 : 1, totals };
}

async function runWhole(env: NodeJS.ProcessEnv): Promise<Totals> {
  const { units, others } = allSuites();
  const first = await runJest(["--maxWorkers=2", "--runTestsByPath", ...units], env, scratch);
  const second = await runJest(["--runTestsByPath", ...others], env, scratch);
  return {
    passed: first.passed + second.passed,
    failed: first.failed + second.failed,
    skipped: first.skipped + second.skipped,
    passedOnlyAlone: [...first.passedOnlyAlone, ...second.passedOnlyAlone],
  };
}

/** The engine that answers, or a private one. */
async function provideDocker(missing: string[]): Promise<{ host: string; stop(): Promise<void> } | undefined> {
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
