import { execFile } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "@jest/globals";
import type { Totals } from "../scripts/run-jest.ts";
import { tempDirectory } from "./support/temp.ts";

const passes = `test("passes", () => undefined);`;
const fails = `test("fails", () => { throw new Error("always"); });`;
const passesAlone = `const fs = require("node:fs");
test("is disturbed once", () => {
  const isFirst = !fs.existsSync(__filename + ".ran");
  fs.writeFileSync(__filename + ".ran", "");
  if (isFirst) throw new Error("disturbed");
});
${passes}`;

/** Runs a separate project with these suites, and returns the totals. */
async function totalsOf(suites: Readonly<Record<string, string>>): Promise<Totals> {
  using project = tempDirectory();
  writeFileSync(join(project.path, "package.json"), "{}");
  for (const [path, text] of Object.entries(suites)) {
    mkdirSync(join(project.path, path, ".."), { recursive: true });
    writeFileSync(join(project.path, path), text);
  }
  const script = `const { runJest } = await import(${JSON.stringify(new URL("../scripts/run-jest.ts", import.meta.url).href)});
console.log(JSON.stringify(await runJest([], process.env, process.cwd())));`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script], {
    cwd: project.path,
    env: { ...process.env, NODE_OPTIONS: "" },
    timeout: 25_000,
  });
  return JSON.parse(stdout) as Totals;
}

test("a suite with real parts that fails is run again alone, and is named when it then passes", async () => {
  expect(await totalsOf({ "tests/e2e/a.test.js": passesAlone, "bridge/b.test.js": passes })).toEqual({
    passed: 3,
    failed: 0,
    skipped: 0,
    passedOnlyAlone: ["tests/e2e/a.test.js: is disturbed once"],
  });
});

test("a suite that fails twice has failed, and so has any other suite that fails", async () => {
  const twice = await totalsOf({
    "tests/faults/a.test.js": fails,
    "tests/e2e/b.test.js": "throw new Error('no suite')",
  });
  expect(twice).toMatchObject({ passed: 0, failed: 2, passedOnlyAlone: [] });
  const unit = await totalsOf({ "bridge/a.test.js": passesAlone, "tests/e2e/b.test.js": passesAlone });
  expect(unit).toMatchObject({ passed: 2, failed: 2, passedOnlyAlone: [] });
});
