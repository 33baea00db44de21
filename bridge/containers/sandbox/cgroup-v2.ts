import { accessSync, constants, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { AgentLimits } from "@armorclaw/protocol";
import { readKernelFile } from "../kernel/proc.ts";
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

/** Version 2: one hierarchy, in which each cgroup enables controllers for its children. */
export function openCgroupsV2(root: string, name: string, { clock, isRoot }: CgroupOptions): CgroupTree {
  const own = /^0::(.*)$/m.exec(readKernelFile("/proc/self/cgroup") ?? "")?.[1] ?? "/";
  // Root makes its subtree at the top, as container engines do; a user has only what was delegated to it.
  const base = isRoot ? root : join(root, own);
  const parent = join(base, name);
  const made = makeDirectory(parent);
  const usable = made ? controllers.filter((one) => enable(base, one) && enable(parent, one)) : [];
  const directories = (key: string) => (made ? [join(parent, key)] : []);
  const open = (key: string) => cgroupAt(directories(key), "cgroup.procs", join(parent, key, "memory.events"), clock);
  const values = (limits: AgentLimits): [Controller, string, string][] => [
    ["memory", "memory.max", String(limits.memory_bytes)],
    ["memory", "memory.swap.max", "0"],
    ["pids", "pids.max", String(limits.pids)],
    ["cpu", "cpu.max", `${Math.round(limits.cpus * 100_000)} 100000`],
  ];
  return {
    controllers: usable,
    boundsSwap: existsSync(join(parent, "memory.swap.max")),
    open,
    names: () => childrenOf(made ? parent : undefined),
    close: () => removeEmpty([parent]),
    create(key, limits) {
      if (made) mkdirSync(join(parent, key), { recursive: true });
      for (const [controller, file, value] of values(limits)) {
        const path = join(parent, key, file);
        if (usable.includes(controller) && existsSync(path)) writeFileSync(path, value);
      }
      return open(key);
    },
  };
}

/** Lets children of a cgroup use a controller. A cgroup with processes in it cannot, so the bridge moves into a leaf. */
function enable(directory: string, controller: Controller): boolean {
  const file = join(directory, "cgroup.subtree_control");
  const isEnabled = () => readKernelFile(file)?.split(" ").includes(controller) === true;
  const tryEnable = () => {
    try {
      writeFileSync(file, `+${controller}`);
      return isEnabled();
    } catch {
      return false;
    }
  };
  if (isEnabled() || tryEnable()) return true;
  const leaf = join(directory, "armorclaw-bridge");
  try {
    accessSync(file, constants.W_OK);
    mkdirSync(leaf, { recursive: true });
    writeFileSync(join(leaf, "cgroup.procs"), String(process.pid));
  } catch {
    return false;
  }
  return tryEnable();
}
