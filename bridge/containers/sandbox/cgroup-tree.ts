import { existsSync } from "node:fs";
import { join } from "node:path";
import type { CgroupOptions, CgroupTree } from "./cgroup.ts";
import { openCgroupsV1 } from "./cgroup-v1.ts";
import { openCgroupsV2 } from "./cgroup-v2.ts";

/** Finds where this process may make cgroups, in cgroup v1 or v2. Makes the install's directory there. */
export function openCgroupTree(options: CgroupOptions): CgroupTree {
  const root = options.root ?? "/sys/fs/cgroup";
  const name = `armorclaw-${options.installId}`;
  return existsSync(join(root, "cgroup.controllers"))
    ? openCgroupsV2(root, name, options)
    : openCgroupsV1(root, name, options);
}
