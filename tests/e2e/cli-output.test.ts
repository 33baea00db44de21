import { existsSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { nodeBinary, program, run, shell } from "../support/daemon.ts";
import { describeIf } from "../support/machine/require-part.ts";
import { tempDirectory } from "../support/temp.ts";
import { until } from "../support/until.ts";

const armorclaw = `"${nodeBinary}" "${program}"`;

describeIf(existsSync("/dev/full"), "there is no /dev/full", "output on a full disk", () => {
  test.each(["version", "help", "config schema"])("`armorclaw %s` ends with 1 and names the reason", async (line) => {
    const { code, stderr } = await shell(`${armorclaw} ${line} > /dev/full`, {});
    expect({ line, code }).toEqual({ line, code: 1 });
    expect(stderr).toMatch(/^armorclaw: OUTPUT_FAILED: The output could not be written: ENOSPC/);
    expect(stderr).toMatch(/\n {2}next: Free space/);
  });
});

test("a reader that closes the pipe early is not a failure", async () => {
  const { code, stdout, stderr } = await shell(`${armorclaw} config schema | head -n 1`, {});
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: "{\n", stderr: "" });
});

test("`armorclaw run` and `backup` take flags as every other command does", async () => {
  using temp = tempDirectory();
  const wrong = await run(["run", "--enginee", "process"], {}).finished;
  expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining("next: Did you mean --engine?") });
  const noFile = await run(["backup", "verify", `--state-dir=${temp.path}/s`], {}).finished;
  expect(noFile).toMatchObject({ code: 2, stderr: expect.stringContaining("FILE is missing") });
  const directories = [`--runtime-dir=${temp.path}/r`, `--state-dir=${temp.path}/s`];
  const bridge = run(["--json", "run", ...directories, "--engine", "process"], {});
  await until("the first line", () => bridge.output.stdout.includes("\n"), 60_000);
  bridge.child.kill("SIGTERM");
  expect((await bridge.finished).code).toBe(0);
  expect(JSON.parse(bridge.output.stdout.split("\n")[0] ?? "")).toMatchObject({ state_dir: `${temp.path}/s` });
}, 90_000);
