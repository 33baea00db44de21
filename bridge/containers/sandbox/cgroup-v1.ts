import { existsSync, mkdirSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { AgentLimits } from "@armorclaw/protocol";
import {
  type CgroupOptions,
  type CgroupTree,
  type Controller,
  cgroupAt,
  childrenOf,
  controllers,
  makeDirectory,
  removeEmpty,
} from "./cgroup.ts";

/** Version 1: each controller has a hierarchy of its own. */
export function openCgroupsV1(root: string, name: string, { clock }: CgroupOptions): CgroupTree {
  const usable = controllers.filter((controller) => makeDirectory(join(root, controller, name)));
  const accounting = ["cpuacct", "freezer"].filter((controller) => makeDirectory(join(root, controller, name)));
  const parents = [...usable, ...accounting].map((controller) => realpathSync(join(root, controller, name)));
  const directories = (key: string) => [...new Set(parents)].map((parent) => join(parent, key));
  const memory = (key: string) => join(root, "memory", name, key);
  // A single thread moves itself at once by `tasks`; `cgroup.procs` first waits for the kernel, about 7 ms of each start.
  const open = (key: string) => cgroupAt(directories(key), "tasks", join(memory(key), "memory.oom_control"), clock);
  const files = (key: string, limits: AgentLimits): [Controller, string, number][] => [
    ["memory", join(memory(key), "memory.limit_in_bytes"), limits.memory_bytes],
    ["pids", join(root, "pids", name, key, "pids.max"), limits.pids],
    ["cpu", join(root, "cpu", name, key, "cpu.cfs_quota_us"), Math.round(limits.cpus * 100_000)],
  ];
  return {
    controllers: usable,
    boundsSwap: existsSync(join(root, "memory", name, "memory.memsw.limit_in_bytes")),
    open,
    names: () => childrenOf(parents[0]),
    close: () => removeEmpty(parents),
    create(key, limits) {
      for (const directory of directories(key)) mkdirSync(directory, { recursive: true });
      for (const [controller, file, value] of files(key, limits))
        if (usable.includes(controller)) writeFileSync(file, String(value));
      // Only there when the kernel accounts for swap; without swap the limit above is the whole limit.
      const withSwap = join(memory(key), "memory.memsw.limit_in_bytes");
      if (existsSync(withSwap)) writeFileSync(withSwap, String(limits.memory_bytes));
      return open(key);
    },
  };
}
