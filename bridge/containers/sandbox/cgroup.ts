import { accessSync, constants, existsSync, mkdirSync, readdirSync, rmdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { AgentLimits } from "@armorclaw/protocol";
import { type Clock, delay } from "../../platform/clock.ts";
import { readKernelFile } from "../kernel/proc.ts";

export const controllers = ["memory", "pids", "cpu"] as const;
export type Controller = (typeof controllers)[number];

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

/** One container's cgroup, in one directory for each hierarchy. */
export function cgroupAt(directories: readonly string[], joinFile: string, oomFile: string, clock: Clock): Cgroup {
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

/** Removes those directories in which no agent runs. */
export function removeEmpty(directories: readonly string[]): void {
  for (const directory of directories) {
    try {
      rmdirSync(directory);
    } catch {
      // Agents still run in it, or another bridge of this install has removed it.
    }
  }
}

/** The names of the cgroups below a directory. */
export function childrenOf(directory: string | undefined): readonly string[] {
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

/** Makes a cgroup for an install. @returns false where this process may not, or where there is no hierarchy */
export function makeDirectory(path: string): boolean {
  try {
    if (!existsSync(join(dirname(path), "cgroup.procs"))) return false;
    mkdirSync(path, { recursive: true });
    accessSync(join(path, "cgroup.procs"), constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
