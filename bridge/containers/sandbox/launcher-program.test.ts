import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { describeIf } from "../../../tests/support/machine/require-part.ts";
import { tempDirectory } from "../../../tests/support/temp.ts";
import { launcherProgram, launcherSteps } from "./launcher-program.ts";

const isThere = process.platform === "linux" && spawnSync("perl", ["-v"]).status === 0;
const { write, limit, link } = isThere ? launcherSteps(process.arch) : launcherSteps("x64");

describeIf(isThere, "it needs Perl on Linux", "the launcher's program", () => {
  /** What it becomes is a shell script, which is told its options' descriptor as its second argument. */
  const take = (steps: readonly string[], script = "exit 0", options: readonly string[] = []) => {
    using directory = tempDirectory();
    const program = join(directory.path, "program");
    writeFileSync(program, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    return spawnSync("perl", launcherProgram(steps, program, options, ["--", "end"]), { encoding: "utf8" });
  };

  test("takes any text for itself, whatever it means to Perl", () => {
    using directory = tempDirectory();
    const odd = `it's $HOME @ARGV \\ "q" \\' {} \n ;`;
    const file = join(directory.path, "a 'file' $x @y");
    const script = 'cat /proc/self/fd/$2; echo " $1 $3 $4"';
    const { stdout, status } = take([write(file, odd), link(`${file}.link`, file)], script, [odd, "b c"]);
    expect({ stdout, status }).toEqual({ stdout: `${odd}\0b c --args -- end\n`, status: 0 });
    expect(readFileSync(`${file}.link`, "utf8")).toBe(odd);
  });

  test("sets limits that what it becomes cannot raise", () => {
    const { stdout } = take([limit("openFiles", 77), limit("coreFile", 0)], "ulimit -Hn; ulimit -Sn; ulimit -Hc");
    expect(stdout.split("\n")).toEqual(["77", "77", "0", ""]);
  });

  test("ends at the first step that fails, says which in one line, and becomes nothing", () => {
    using directory = tempDirectory();
    const file = join(directory.path, "file");
    writeFileSync(file, "");
    const { stdout, stderr, status } = take([write(`${file}/x`, "1"), write(file, "2")], "echo became");
    expect({ stdout, stderr, status }).toEqual({ stdout: "", stderr: `${file}/x: Not a directory\n`, status: 20 });
    expect(readFileSync(file, "utf8")).toBe("");
  });

  test("says when what it is to become is not there", () => {
    const { stderr } = spawnSync("perl", launcherProgram([], "/no/such/program", [], []), { encoding: "utf8" });
    expect(stderr).toBe("/no/such/program: No such file or directory\n");
  });

  test("knows the two architectures that have a filter, and no other", () => {
    expect(launcherSteps("arm64").become(1)).toHaveLength(4);
    expect(() => launcherSteps("mips")).toThrow("No system call numbers are known for mips");
  });
});
