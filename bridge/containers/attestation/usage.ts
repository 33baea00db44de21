import { existsSync } from "node:fs";
import { cgroupDirectory, readKernelFile, statusField } from "../kernel/proc.ts";
import type { Usage } from "../port/engine.ts";

/** USER_HZ, which the kernel fixes at 100 in its interfaces to programs on x86-64 and arm64. */
const nsPerTick = 10_000_000;

/** The kernel files that account for one container. */
interface Accounts {
  readonly memory: string;
  readonly memoryStat: string;
  readonly pids: string;
  readonly cpuNs: () => number | undefined;
}

/**
 * Reads a container's usage, from its cgroup where the process is `alone` in one. The files are looked up once: an agent
 * cannot leave its cgroup.
 */
export function usageReader(pid: number, alone: boolean): () => Usage | null {
  let accounts: Accounts | undefined;
  return () => {
    if (alone) accounts ??= accountsOf(pid);
    return (accounts === undefined ? undefined : cgroupUsage(pid, accounts)) ?? processUsage(pid) ?? null;
  };
}

function accountsOf(pid: number): Accounts | undefined {
  const memory = cgroupDirectory(pid, "memory");
  const pids = cgroupDirectory(pid, "pids");
  const cpu = cgroupDirectory(pid, "cpuacct") ?? cgroupDirectory(pid, "cpu");
  if (memory === undefined || pids === undefined || cpu === undefined) return undefined;
  const isV1 = existsSync(`${memory}/memory.usage_in_bytes`);
  return {
    memory: `${memory}/${isV1 ? "memory.usage_in_bytes" : "memory.current"}`,
    memoryStat: `${memory}/memory.stat`,
    pids: `${pids}/pids.current`,
    cpuNs: existsSync(`${cpu}/cpuacct.usage`) ? () => numberIn(`${cpu}/cpuacct.usage`) : () => cpuV2(cpu),
  };
}

function cgroupUsage(pid: number, accounts: Accounts): Usage | undefined {
  const used = numberIn(accounts.memory);
  const pids = numberIn(accounts.pids);
  const cpuNs = accounts.cpuNs();
  if (used === undefined || pids === undefined || cpuNs === undefined) return undefined;
  const stat = readKernelFile(accounts.memoryStat) ?? "";
  const cache = Number(/^total_inactive_file (\d+)/m.exec(stat)?.[1] ?? /^inactive_file (\d+)/m.exec(stat)?.[1] ?? 0);
  return { memoryBytes: Math.max(0, used - cache), cpuNs, pids, ...processIo(pid) };
}

function numberIn(file: string): number | undefined {
  const text = readKernelFile(file);
  return text === undefined ? undefined : Number(text);
}

function cpuV2(directory: string): number | undefined {
  const microseconds = /^usage_usec (\d+)/m.exec(readKernelFile(`${directory}/cpu.stat`) ?? "")?.[1];
  return microseconds === undefined ? undefined : Number(microseconds) * 1000;
}

/** Reads the usage of the process alone, where it has no cgroup of its own. */
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

/** Reads the I/O of the agent's own process: the system call filter allows no other. */
function processIo(pid: number): Pick<Usage, "ioReadBytes" | "ioWriteBytes"> {
  const io = readKernelFile(`/proc/${pid}/io`);
  const field = (name: string) => (io === undefined ? null : Number(statusField(io, name) ?? 0));
  return { ioReadBytes: field("rchar"), ioWriteBytes: field("wchar") };
}
