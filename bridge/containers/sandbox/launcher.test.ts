import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { describeIf } from "../../../tests/support/machine/require-part.ts";
import { tempDirectory } from "../../../tests/support/temp.ts";
import type { Launcher } from "../port/engine-options.ts";
import { launcherCommand, launcherEnvironment } from "./bubblewrap.ts";
import { type LauncherStep, step } from "./sandbox-plan.ts";

const has = (program: string) => spawnSync(program, ["--version"]).status === 0;
const isThere = { perl: has("perl"), "util-linux": has("setpriv") && has("prlimit") };

describe.each<Launcher>(["perl", "util-linux"])("the launcher with %s", (launcher) => {
  describeIf(process.platform === "linux" && isThere[launcher], `it needs ${launcher} on Linux`, "takes steps", () => {
    const run = (steps: readonly LauncherStep[], program: readonly [string, ...string[]]) => {
      const [command, args] = launcherCommand(launcher, steps, program);
      return spawnSync(command, args, { encoding: "utf8", env: launcherEnvironment });
    };

    test("passes any text unchanged, whatever it means to an interpreter", () => {
      using directory = tempDirectory();
      const odd = `it's $HOME @ARGV %s \\ "q" \\' {} \`id\` $(id) \n ;`;
      const file = join(directory.path, "a 'file' $x @y");
      const steps = [step.write(file, odd), step.link(`${file}.link`, file)];
      const { stdout, status } = run(steps, ["printf", "%s|", odd, "", "run", "$1"]);
      expect({ stdout, status }).toEqual({ stdout: `${odd}||run|$1|`, status: 0 });
      expect(readFileSync(`${file}.link`, "utf8")).toBe(odd);
    });

    test("sets limits that the program cannot raise", () => {
      const { stdout } = run(
        [step.limit("nofile", 77), step.limit("core", 0)],
        ["sh", "-c", "ulimit -Hn; ulimit -Sn; ulimit -Hc"],
      );
      expect(stdout.split("\n")).toEqual(["77", "77", "0", ""]);
    });

    test("ends at the first step that fails, with one line that names the step, and runs nothing", () => {
      using directory = tempDirectory();
      const file = join(directory.path, "file");
      writeFileSync(file, "");
      const { stdout, stderr, status } = run([step.write(`${file}/x`, "1"), step.write(file, "2")], ["echo", "ran"]);
      expect({ stdout, lines: stderr.split("\n").length }).toEqual({ stdout: "", lines: 2 });
      expect(stderr).toContain(`${file}/x: `);
      expect(status).not.toBe(0);
      expect(readFileSync(file, "utf8")).toBe("");
    });

    test("refuses an unknown step, and a list without an end", () => {
      const unknown: LauncherStep = ["destroy", "/"];
      expect(run([unknown], ["echo", "ran"]).stderr).toMatch(/destroy is unknown/);
      const [command, args] = launcherCommand(launcher, [], ["true"]);
      const { stderr, status } = spawnSync(command, args.slice(0, -2), { encoding: "utf8" });
      expect(stderr).toMatch(/the step run is missing/);
      expect(status).not.toBe(0);
    });

    test("names a program that does not exist", () => {
      expect(run([], ["/no/such/program"]).stderr).toMatch(/\/no\/such\/program: .*(not found|No such file)/);
    });

    describeIf(process.getuid?.() === 0, "it needs root", "as root", () => {
      test("drops root for good", () => {
        const script = 'grep -E "^(Uid|Gid|Groups|NoNewPrivs|CapPrm|CapEff):" /proc/self/status | tr -s "\\t " " "';
        const { stdout } = run([step.become(300_123)], ["sh", "-c", script]);
        expect(stdout.split("\n").map((line) => line.trim())).toEqual([
          "Uid: 300123 300123 300123 300123",
          "Gid: 300123 300123 300123 300123",
          "Groups:",
          "CapPrm: 0000000000000000",
          "CapEff: 0000000000000000",
          "NoNewPrivs: 1",
          "",
        ]);
      });

      test("mounts in its own namespace, with the requested flags", () => {
        using directory = tempDirectory();
        const place = directory.path;
        const steps = [
          step.privateMounts(),
          step.mount(place, { type: "tmpfs", flags: ["nosuid", "noexec"], options: "size=64k" }),
          step.device(`${place}/null`, 1, 3),
          step.mount(place, { flags: ["bind", "remount", "ro", "nosuid", "noexec"] }),
        ];
        const { stdout } = run(steps, [
          "sh",
          "-c",
          `grep " ${place} " /proc/self/mountinfo; stat -c %a:%t:%T ${place}/null`,
        ]);
        expect(stdout).toMatch(/ ro,nosuid,noexec,\S+ .*size=64k/);
        expect(stdout).toMatch(/^666:1:3$/m);
        expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(place);
      });
    });
  });
});
