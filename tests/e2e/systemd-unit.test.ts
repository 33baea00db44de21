import { spawnSync } from "node:child_process";
import { copyFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { exitCodes } from "../../bridge/cli/core/exit-codes.ts";
import { repositoryRoot } from "../support/daemon.ts";
import { describeIf } from "../support/machine/require-part.ts";
import { tempDirectory } from "../support/temp.ts";

const file = join(repositoryRoot, "packaging/systemd/armorclaw.service");
const hasSystemd = spawnSync("systemd-analyze", ["--version"]).status === 0;

describeIf(hasSystemd, "systemd is not installed", "the systemd unit", () => {
  test("contains only settings that systemd knows", () => {
    using directory = tempDirectory();
    const unit = join(directory.path, "armorclaw.service");
    copyFileSync(file, unit);
    const { status, stderr } = spawnSync("systemd-analyze", ["verify", "--man=no", unit], { encoding: "utf8" });
    expect({ status, own: stderr.split("\n").filter((line) => line.includes("armorclaw")) }).toEqual({
      status: 0,
      own: [],
    });
  });
});

describe("the systemd unit's settings", () => {
  const settings = new Map(
    readFileSync(file, "utf8")
      .split("\n")
      .flatMap((line) => {
        const [, key, value] = /^(\w+)=(.*)$/.exec(line) ?? [];
        return key === undefined || value === undefined ? [] : [[key, value] as const];
      }),
  );

  test("keep agents and their sockets for the next bridge when this one dies", () => {
    expect(settings.get("KillMode")).toBe("process");
    expect(settings.get("RuntimeDirectoryPreserve")).toBe("yes");
    expect(settings.get("Delegate")).toBe("yes");
    expect(settings.get("OOMPolicy")).toBe("continue");
  });

  test("restart the bridge without a limit, unless only a person can repair the cause", () => {
    expect(settings.get("Restart")).toBe("on-failure");
    expect(settings.get("StartLimitIntervalSec")).toBe("0");
    const { usage, conflict, configInvalid } = exitCodes;
    expect(settings.get("RestartPreventExitStatus")).toBe([usage, conflict, configInvalid].join(" "));
  });
});
