import { readFileSync } from "node:fs";
import { LoopManifest } from "@armorclaw/protocol";
import { describe, expect, test } from "@jest/globals";
import { loopMap } from "./loop-map.ts";
import { summary } from "./loops/system-monitor.ts";
import { runtimeVersion } from "./version.ts";

describe("the loop map", () => {
  test.each(Object.entries(loopMap))("%s has code and a valid manifest under its own name", async (name, entry) => {
    expect(LoopManifest.parse(entry.manifest).name).toBe(name);
    const { createLoop } = await entry.load();
    expect(createLoop().tick).toBeInstanceOf(Function);
  });

  test("the version that an agent reports is the package's", () => {
    const { version } = JSON.parse(readFileSync(new URL("package.json", import.meta.url), "utf8"));
    expect(runtimeVersion).toBe(version);
  });
});

test("system-monitor writes its summary on one line", () => {
  const host = {
    cpus: 2,
    cpu_percent: 12.5,
    load: [0.4, 0.3, 0.2] as [number, number, number],
    memory_total_bytes: 23.5 * 1024 ** 3,
    memory_available_bytes: 19.4 * 1024 ** 3,
    disk_total_bytes: 250 * 1024 ** 3,
    disk_free_bytes: 80.2 * 1024 ** 3,
    uptime_s: 1,
  };
  expect(summary(host, [])).toBe("cpu 12.5 %  load 0.40  memory 4.1 of 23.5 GiB  disk 80.2 GiB free  0 agents");
  expect(summary({ ...host, cpu_percent: null }, [])).toMatch(/^cpu measuring {2}load/);
});
