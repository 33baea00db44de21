import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  rmdirSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { AgentLimits } from "@armorclaw/protocol";
import { type Clock, delay } from "../../platform/clock.ts";
import { readKernelFile } from "../kernel/proc.ts";

const controllers = ["memory", "pids", "cpu"] as const;
type Controller = (typeof controllers)[number];

/** One container's cgroup. */
export interface Cgroup {
  /** Writing a 0 into each of these puts the writing process, which must have one thread only, under the limits. */
  readonly joinFiles: readonly string[];
  oomKilled(): boolean;
  /** Ends what is left inside and removes it. */
  remove(): Promise<void>;
}

/** The subtree of one install. Each limit that the host lets us set is set; `controllers` says which. */
export interface CgroupTree {
  readonly controllers: readonly Controller[];
  /** Whether the kernel accounts for swap, so that the memory limit has no way around it. */
  readonly boundsSwap: boolean;
  create(name: string, limits: AgentLimits): Cgroup;
  open(name: string): Cgroup;
  /** The cgroups that are there, whichever bridge of the install made them. */
  names(): readonly string[];
  /** Removes the install's directory when nothing is in it. */
  close(): void;
}

export interface CgroupOptions {
  readonly installId: string;
  readonly clock: Clock;
  readonly isRoot: boolean;
  readonly root?: string;
}

/** Finds where this process may make cgroups, in cgroup v1 or v2. Makes the install's directory there. */
export function openCgroupTree(options: CgroupOptions): CgroupTree {
  const root = options.root ?? "/sys/fs/cgroup";
  const name = `armorclaw-${options.installId}`;
  return existsSync(join(root, "cgroup.controllers")) ? openV2(root, name, options) : openV1(root, name, options);
}

function openV1(root: string, name: string, { clock }: CgroupOptions): CgroupTree {
  const usable = controllers.filter((controller) => makeDirectory(join(root, controller, name)));
  const accounting = ["cpuacct", "freezer"].filter((controller) => makeDirectory(join(root, controller, name)));
  const parents = [...usable, ...accounting].map((controller) => realpathSync(join(root, controller, name)));
  const directories = (key: string) => [...new Set(parents)].map((parent) => join(parent, key));
  const memory = (key: string) => join(root, "memory", name, key);
  // A single thread moves itself at once by `tasks`; `cgroup.procs` first waits for the kernel, about 7 ms of each start.
  const open = (key: string) => cgroup(directories(key), "tasks", join(memory(key), "memory.oom_control"), clock);
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

function openV2(root: string, name: string, { clock, isRoot }: CgroupOptions): CgroupTree {
  const own = /^0::(.*)$/m.exec(readKernelFile("/proc/self/cgroup") ?? "")?.[1] ?? "/";
  // Root makes its subtree at the top, as container engines do; a user has only what was delegated to it.
  const base = isRoot ? root : join(root, own);
  const parent = join(base, name);
  const made = makeDirectory(parent);
  const usable = made ? controllers.filter((one) => enable(base, one) && enable(parent, one)) : [];
  const directories = (key: string) => (made ? [join(parent, key)] : []);
  const open = (key: string) => cgroup(directories(key), "cgroup.procs", join(parent, key, "memory.events"), clock);
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

function cgroup(directories: readonly string[], joinFile: string, oomFile: string, clock: Clock): Cgroup {
  return {
    joinFiles: directories.map((directory) => join(directory, joinFile)),
    oomKilled: () => Number(/^oom_kill (\d+)/m.exec(readKernelFile(oomFile) ?? "")?.[1] ?? 0) > 0,
    async remove() {
      // A frozen process does not die, so nothing is left frozen first.
      for (const directory of directories) thawQuietly(directory);
      for (const directory of directories) await removeDirectory(directory, clock);
    },
  };
}

/** A cgroup can be removed once the kernel has buried the last process in it, which takes a moment. */
async function removeDirectory(directory: string, clock: Clock): Promise<void> {
  for (let attempt = 0; attempt < 100 && existsSync(directory); attempt++) {
    try {
      rmdirSync(directory);
    } catch {
      for (const pid of membersOf(directory)) killQuietly(pid);
      await delay(clock, 10);
    }
  }
}

function removeEmpty(directories: readonly string[]): void {
  for (const directory of directories) {
    try {
      rmdirSync(directory);
    } catch {
      // Agents still run in it, or another bridge of this install has removed it.
    }
  }
}

function childrenOf(directory: string | undefined): readonly string[] {
  if (directory === undefined || !existsSync(directory)) return [];
  const entries = readdirSync(directory, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

function membersOf(directory: string): readonly number[] {
  const text = readKernelFile(join(directory, "cgroup.procs")) ?? "";
  return text.split("\n").filter(Boolean).map(Number);
}

function thawQuietly(directory: string): void {
  for (const [file, value] of [
    ["freezer.state", "THAWED"],
    ["cgroup.freeze", "0"],
  ] as const) {
    const path = join(directory, file);
    if (existsSync(path)) writeFileSync(path, value);
  }
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended in between, which is what was wanted.
  }
}

function makeDirectory(path: string): boolean {
  try {
    if (!existsSync(join(dirname(path), "cgroup.procs"))) return false;
    mkdirSync(path, { recursive: true });
    accessSync(join(path, "cgroup.procs"), constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
