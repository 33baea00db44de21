// Runs jest, and runs failed suites with real parts once more, because other work on the machine may have delayed them.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

/** Suites with real parts, whose waits other work on the machine can outlast. A unit test that fails once has failed. */
const sharesTheMachine = /^tests\/(e2e|faults|conformance)\//;
/** More failures than these are not caused by a busy machine. */
const repeatsMax = 3;

interface Suite {
  /** The file's absolute path. */
  readonly name: string;
  readonly status: string;
  readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
}

export interface Totals {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** The suites that failed at first and passed alone, one line each. */
  readonly passedOnlyAlone: readonly string[];
}

/** Results go through a file in `scratch`. */
export async function runJest(args: readonly string[], env: NodeJS.ProcessEnv, scratch: string): Promise<Totals> {
  const first = await runOnce(args, env, join(scratch, "results.json"));
  const failed = first.filter(isFailed);
  const isAccident = ({ name }: Suite) => sharesTheMachine.test(relative(process.cwd(), name));
  if (failed.length === 0 || failed.length > repeatsMax || !failed.every(isAccident)) return totalsOf(first, []);
  const names = failed.map(({ name }) => name);
  const again = await runOnce(["--runTestsByPath", ...names], env, join(scratch, "results-again.json"));
  const passedOnlyAlone = failed.flatMap((suite) => {
    const now = again.find(({ name }) => name === suite.name);
    if (now === undefined || isFailed(now)) return [];
    const tests = suite.assertionResults.filter(isFailed).map(({ fullName }) => fullName);
    return `${relative(process.cwd(), suite.name)}: ${tests.join("; ") || "the suite"}`;
  });
  const kept = first.filter((suite) => !again.some(({ name }) => name === suite.name));
  return totalsOf([...kept, ...again], passedOnlyAlone);
}

const isFailed = ({ status }: { readonly status: string }) => status === "failed";

function totalsOf(suites: readonly Suite[], passedOnlyAlone: readonly string[]): Totals {
  const tests = suites.flatMap(({ assertionResults }) => assertionResults);
  const count = (status: string) => tests.filter((test) => test.status === status).length;
  // A suite that does not load has no tests to count, but is a failure, too.
  const broken = suites.filter((suite) => isFailed(suite) && !suite.assertionResults.some(isFailed)).length;
  return {
    passed: count("passed"),
    failed: count("failed") + broken,
    skipped: count("pending"),
    passedOnlyAlone,
  };
}

async function runOnce(args: readonly string[], env: NodeJS.ProcessEnv, outputFile: string): Promise<Suite[]> {
  const jest = new URL("../node_modules/jest/bin/jest.js", import.meta.url).pathname;
  const flags = ["--experimental-vm-modules", "--no-warnings", jest, "--json", `--outputFile=${outputFile}`];
  // The file has the JSON that jest would print on stdout.
  const child = spawn(process.execPath, [...flags, ...args], { stdio: ["ignore", "ignore", "inherit"], env });
  await once(child, "close");
  if (!existsSync(outputFile)) throw new Error("jest ended without results");
  return (JSON.parse(readFileSync(outputFile, "utf8")) as { testResults: Suite[] }).testResults;
}
