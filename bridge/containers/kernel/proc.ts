import { existsSync, readFileSync, readlinkSync } from "node:fs";

/** Reads a kernel file's text; undefined when the process or file is gone or not readable for the bridge. */
export function readKernelFile(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return undefined;
  }
}

/** Reads one field of /proc/<pid>/status. */
export function statusField(status: string, field: string): string | undefined {
  return new RegExp(`^${field}:\\s+(\\S+)`, "m").exec(status)?.[1];
}

/** Returns when a process started, in ticks since boot. Together with the pid this identifies the process. */
export function startTicks(pid: number): string | undefined {
  const stat = readKernelFile(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  // The command's name is in parentheses and may contain any character; the fields are counted after it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" ? undefined : fields[19];
}

export function bootId(): string {
  return readKernelFile("/proc/sys/kernel/random/boot_id") ?? "unknown";
}

/** Returns whether a process has its own namespace of this type; undefined when the kernel does not show it. */
export function hasOwnNamespace(pid: number, type: string): boolean | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/${type}`) !== readlinkSync(`/proc/self/ns/${type}`);
  } catch {
    return undefined;
  }
}

const cgroupRoot = "/sys/fs/cgroup";

/** Returns the directory of a process's cgroup for a controller, in cgroup v1 or v2. */
export function cgroupDirectory(pid: number, controller: string): string | undefined {
  const lines = readKernelFile(`/proc/${pid}/cgroup`)?.split("\n") ?? [];
  for (const line of lines) {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) continue;
    if (controllers.split(",").includes(controller)) return `${cgroupRoot}/${controller}${path}`;
  }
  const unified = unifiedDirectory(pid);
  if (unified === undefined) return undefined;
  const enabled = readKernelFile(`${unified}/cgroup.controllers`)?.split(" ") ?? [];
  return enabled.includes(controller) ? unified : undefined;
}

/** Returns the directory of a process's cgroup in the hierarchy of cgroup v2; undefined where there is none. */
export function unifiedDirectory(pid: number): string | undefined {
  const path = /^0::(.*)$/m.exec(readKernelFile(`/proc/${pid}/cgroup`) ?? "")?.[1];
  const directory = `${cgroupRoot}${path}`;
  return path !== undefined && existsSync(`${directory}/cgroup.controllers`) ? directory : undefined;
}

/**
 * Returns whether a process is in the container of the agent `agentPid`: in the same cgroups where those are the container's own, or otherwise
 * in the same pid namespace. Null when the kernel does not show it.
 */
export function sharesContainer(pid: number, agentPid: number): boolean | null {
  const lines = (of: number) => readKernelFile(`/proc/${of}/cgroup`)?.split("\n");
  const [peer, agent, bridge] = [lines(pid), lines(agentPid), lines(process.pid)];
  if (peer === undefined || agent === undefined || bridge === undefined) return null;
  const own = agent.filter((line) => !bridge.includes(line));
  if (own.length > 0) return own.every((line) => peer.includes(line));
  const namespace = pidNamespace(agentPid);
  return namespace === undefined || namespace === pidNamespace(process.pid) ? null : namespace === pidNamespace(pid);
}

function pidNamespace(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined;
  }
}
