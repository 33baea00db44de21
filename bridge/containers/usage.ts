import type { Usage } from "./engine.ts";
import { cgroupDirectory, readKernelFile, statusField } from "./proc.ts";

/** USER_HZ, which the kernel fixes at 100 for all that it shows to programs on x86-64 and arm64. */
const nsPerTick = 10_000_000;

/** What a container uses, from its cgroup; `alone` says that the process has a cgroup of its own. */
export function readUsage(pid: number, alone: boolean): Usage | null {
  return (alone ? cgroupUsage(pid) : undefined) ?? processUsage(pid) ?? null;
}

function cgroupUsage(pid: number): Usage | undefined {
  const memory = cgroupDirectory(pid, "memory");
  const pids = cgroupDirectory(pid, "pids");
  const cpu = cgroupDirectory(pid, "cpuacct") ?? cgroupDirectory(pid, "cpu");
  if (memory === undefined || pids === undefined || cpu === undefined) return undefined;
  const used = readKernelFile(`${memory}/memory.usage_in_bytes`) ?? readKernelFile(`${memory}/memory.current`);
  const count = readKernelFile(`${pids}/pids.current`);
  const cpuNs = readKernelFile(`${cpu}/cpuacct.usage`) ?? cpuV2(cpu);
  if (used === undefined || count === undefined || cpuNs === undefined) return undefined;
  const stat = readKernelFile(`${memory}/memory.stat`) ?? "";
  const cache = Number(/^total_inactive_file (\d+)/m.exec(stat)?.[1] ?? /^inactive_file (\d+)/m.exec(stat)?.[1] ?? 0);
  const memoryBytes = Math.max(0, Number(used) - cache);
  return { memoryBytes, cpuNs: Number(cpuNs), pids: Number(count), ...processIo(pid) };
}

function cpuV2(directory: string): number | undefined {
  const microseconds = /^usage_usec (\d+)/m.exec(readKernelFile(`${directory}/cpu.stat`) ?? "")?.[1];
  return microseconds === undefined ? undefined : Number(microseconds) * 1000;
}

/** The process alone, where nothing accounts for it as a group. */
function processUsage(pid: number): Usage | undefined {
  const status = readKernelFile(`/proc/${pid}/status`);
  const stat = readKernelFile(`/proc/${pid}/stat`);
  if (status === undefined || stat === undefined) return undefined;
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = Number(fields[11]) + Number(fields[12]);
  return {
    memoryBytes: Number(statusField(status, "VmRSS") ?? 0) * 1024,
    cpuNs: ticks * nsPerTick,
    pids: Number(statusField(status, "Threads") ?? 1),
    ...processIo(pid),
  };
}

/** Of the agent's own process: under the system call filter it has no other. */
function processIo(pid: number): Pick<Usage, "ioReadBytes" | "ioWriteBytes"> {
  const io = readKernelFile(`/proc/${pid}/io`);
  const field = (name: string) => (io === undefined ? null : Number(statusField(io, name) ?? 0));
  return { ioReadBytes: field("rchar"), ioWriteBytes: field("wchar") };
}
