import { readFileSync, readlinkSync } from "node:fs";

/** A kernel file's text, or undefined when the process or file is gone or not for us to read. */
export function readKernelFile(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return undefined;
  }
}

/** One field of /proc/<pid>/status. */
export function statusField(status: string, field: string): string | undefined {
  return new RegExp(`^${field}:\\s+(\\S+)`, "m").exec(status)?.[1];
}

/** When a process started, in ticks since boot: with the pid it names one process for good. */
export function startTicks(pid: number): string | undefined {
  const stat = readKernelFile(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  // The command's name is in parentheses and may hold anything; the fields are counted from after it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" ? undefined : fields[19];
}

export function bootId(): string {
  return readKernelFile("/proc/sys/kernel/random/boot_id") ?? "unknown";
}

/** Whether a process lives in its own namespace of this type; undefined when the kernel does not say. */
export function hasOwnNamespace(pid: number, type: string): boolean | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/${type}`) !== readlinkSync(`/proc/self/ns/${type}`);
  } catch {
    return undefined;
  }
}

const cgroupRoot = "/sys/fs/cgroup";

/** The directory of a process's cgroup for a controller, in cgroup v1 or v2. */
export function cgroupDirectory(pid: number, controller: string): string | undefined {
  const lines = readKernelFile(`/proc/${pid}/cgroup`)?.split("\n") ?? [];
  let unified: string | undefined;
  for (const line of lines) {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) continue;
    if (controllers.split(",").includes(controller)) return `${cgroupRoot}/${controller}${path}`;
    if (controllers === "") unified = `${cgroupRoot}${path}`;
  }
  if (unified === undefined) return undefined;
  const enabled = readKernelFile(`${unified}/cgroup.controllers`)?.split(" ") ?? [];
  return enabled.includes(controller) ? unified : undefined;
}
