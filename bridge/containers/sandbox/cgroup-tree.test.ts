import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { tempDirectory } from "../../../tests/support/temp.ts";
import { systemClock } from "../../platform/clock.ts";
import { openCgroupTree } from "./cgroup-tree.ts";

const limits = { memory_bytes: 104_857_600, cpus: 0.5, pids: 64, tmp_bytes: 1_048_576 };
const options = { installId: "t", clock: systemClock, isRoot: true };

/** Creates a directory with the files that the kernel shows in a cgroup. */
function fakeCgroup(path: string, files: Record<string, string>): void {
  mkdirSync(path, { recursive: true });
  for (const [name, text] of Object.entries({ "cgroup.procs": "", ...files })) writeFileSync(join(path, name), text);
}

test("in cgroup v1 each controller's files get the limits", () => {
  using root = tempDirectory();
  for (const controller of ["memory", "pids", "cpu"]) {
    fakeCgroup(join(root.path, controller), {});
    fakeCgroup(join(root.path, controller, "armorclaw-t"), {});
  }
  const tree = openCgroupTree({ ...options, root: root.path });
  expect(tree.controllers).toEqual(["memory", "pids", "cpu"]);
  const cgroup = tree.create("a.1", limits);
  const read = (path: string) => readFileSync(join(root.path, path), "utf8");
  expect(read("memory/armorclaw-t/a.1/memory.limit_in_bytes")).toBe("104857600");
  expect(read("pids/armorclaw-t/a.1/pids.max")).toBe("64");
  expect(read("cpu/armorclaw-t/a.1/cpu.cfs_quota_us")).toBe("50000");
  expect(cgroup.joinFiles).toEqual(
    ["memory", "pids", "cpu"].map((controller) => join(root.path, controller, "armorclaw-t/a.1/tasks")),
  );
  expect(cgroup.oomKilled()).toBe(false);
  writeFileSync(join(root.path, "memory/armorclaw-t/a.1/memory.oom_control"), "under_oom 0\noom_kill 1\n");
  expect(cgroup.oomKilled()).toBe(true);
});

test("in cgroup v2 one directory gets the limits", () => {
  using root = tempDirectory();
  const enabled = { "cgroup.subtree_control": "cpu memory pids" };
  fakeCgroup(root.path, { "cgroup.controllers": "cpu memory pids", ...enabled });
  fakeCgroup(join(root.path, "armorclaw-t"), enabled);
  fakeCgroup(join(root.path, "armorclaw-t", "a.1"), {
    "memory.max": "",
    "memory.swap.max": "",
    "pids.max": "",
    "cpu.max": "",
  });
  const tree = openCgroupTree({ ...options, root: root.path });
  expect(tree.controllers).toEqual(["memory", "pids", "cpu"]);
  const cgroup = tree.create("a.1", limits);
  const read = (name: string) => readFileSync(join(root.path, "armorclaw-t/a.1", name), "utf8");
  expect(["memory.max", "memory.swap.max", "pids.max", "cpu.max"].map(read)).toEqual([
    "104857600",
    "0",
    "64",
    "50000 100000",
  ]);
  expect(cgroup.joinFiles).toEqual([join(root.path, "armorclaw-t/a.1/cgroup.procs")]);
});

test("without a cgroup file system there are no limits and no directories", () => {
  using root = tempDirectory();
  const tree = openCgroupTree({ ...options, root: root.path });
  expect(tree.controllers).toEqual([]);
  expect(tree.create("a.1", limits).joinFiles).toEqual([]);
  expect(existsSync(join(root.path, "memory"))).toBe(false);
});
