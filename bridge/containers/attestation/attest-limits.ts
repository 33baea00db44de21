import { statfsSync } from "node:fs";
import { cgroupDirectory, readKernelFile } from "../kernel/proc.ts";

/** The limits that an engine promised for one container. */
export interface PromisedLimits {
  readonly memoryBytes?: number;
  readonly pids?: number;
  /** The bounds of /tmp, which is mounted noexec. */
  readonly tmp?: { readonly bytes: number; readonly files: number };
  /** The bound of /workspace, which is mounted noexec. */
  readonly workspaceBytes?: number | undefined;
  /** The limit of open files; core files and message queues are limited to zero. */
  readonly openFiles?: number;
}

export type Fact = string | number | boolean | null;

/** Reads the limits of a process back from the kernel, into `facts`. Returns in words which promises the kernel does not confirm. */
export function checkLimits(pid: number, promised: PromisedLimits, facts: Record<string, Fact>): string[] {
  return [
    ...checkCgroups(pid, promised, facts),
    ...checkTmp(pid, promised, facts),
    ...checkWorkspace(pid, promised, facts),
    ...checkProcessLimits(pid, promised, facts),
  ];
}

function checkCgroups(pid: number, promised: PromisedLimits, facts: Record<string, Fact>): string[] {
  const missing: string[] = [];
  const memory = readLimit(pid, "memory", ["memory.limit_in_bytes", "memory.max"]);
  const pids = readLimit(pid, "pids", ["pids.max"]);
  facts["memory_limit_bytes"] = memory ?? null;
  facts["pids_limit"] = pids ?? null;
  // The kernel rounds a memory limit down to whole pages.
  if (promised.memoryBytes !== undefined && (memory === undefined || memory > promised.memoryBytes))
    missing.push(`the memory limit of ${promised.memoryBytes} bytes`);
  if (promised.pids !== undefined && (pids === undefined || pids > promised.pids))
    missing.push(`the limit of ${promised.pids} processes and threads`);
  return missing;
}

function readLimit(pid: number, controller: string, files: readonly string[]): number | undefined {
  const directory = cgroupDirectory(pid, controller);
  if (directory === undefined) return undefined;
  const text = files.map((file) => readKernelFile(`${directory}/${file}`)).find((value) => value !== undefined);
  // Without a limit cgroup v2 shows "max" and v1 the largest multiple of a page.
  return text === undefined || text === "max" || Number(text) > 2 ** 60 ? undefined : Number(text);
}

/** The line of /proc/<pid>/mountinfo for a mount point: the mount's options are before the dash, its file system's at the end. */
const tmpMount = /^\d+ \d+ \S+ \S+ \/tmp (\S+) .*- tmpfs \S+ (\S+)$/m;

function checkTmp(pid: number, { tmp }: PromisedLimits, facts: Record<string, Fact>): string[] {
  const [, own = "", ofSystem = ""] = tmpMount.exec(readKernelFile(`/proc/${pid}/mountinfo`) ?? "") ?? [];
  const has = (option: string) => own.split(",").includes(option);
  const number = (pattern: RegExp) => Number(pattern.exec(ofSystem)?.[1] ?? Number.POSITIVE_INFINITY);
  const bytes = number(/\bsize=(\d+)k\b/) * 1024;
  const files = number(/\bnr_inodes=(\d+)\b/);
  facts["tmp_runs_nothing"] = has("noexec") && has("nosuid") && has("nodev");
  facts["tmp_bytes"] = Number.isFinite(bytes) ? bytes : null;
  facts["tmp_files"] = Number.isFinite(files) ? files : null;
  if (tmp === undefined) return [];
  const roundedUp = Math.ceil(tmp.bytes / pageBytes) * pageBytes;
  return [
    ...(facts["tmp_runs_nothing"] ? [] : ["a /tmp that runs no programs"]),
    ...(bytes <= roundedUp && files <= tmp.files ? [] : [`a /tmp of ${tmp.bytes} bytes and ${tmp.files} files`]),
  ];
}

const workspaceMount = /^\d+ \d+ \S+ \S+ \/workspace (\S+) .*- ext4 /m;

function checkWorkspace(pid: number, { workspaceBytes }: PromisedLimits, facts: Record<string, Fact>): string[] {
  if (workspaceBytes === undefined) return [];
  const own = workspaceMount.exec(readKernelFile(`/proc/${pid}/mountinfo`) ?? "")?.[1]?.split(",") ?? [];
  const bytes = own.length === 0 ? Number.POSITIVE_INFINITY : sizeOf(`/proc/${pid}/root/workspace`);
  facts["workspace_runs_nothing"] = ["noexec", "nosuid", "nodev"].every((option) => own.includes(option));
  facts["workspace_bytes"] = Number.isFinite(bytes) ? bytes : null;
  return [
    ...(facts["workspace_runs_nothing"] ? [] : ["a /workspace that runs no programs"]),
    ...(bytes <= workspaceBytes ? [] : [`a /workspace of ${workspaceBytes} bytes`]),
  ];
}

function sizeOf(path: string): number {
  try {
    const { blocks, bsize } = statfsSync(path);
    return blocks * bsize;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** The larger page size of the two architectures. */
const pageBytes = 65_536;

function checkProcessLimits(pid: number, { openFiles }: PromisedLimits, facts: Record<string, Fact>): string[] {
  const text = readKernelFile(`/proc/${pid}/limits`) ?? "";
  const hard = (name: string) =>
    Number(new RegExp(`^Max ${name}\\s+\\S+\\s+(\\d+)`, "m").exec(text)?.[1] ?? Number.NaN);
  const limits = { files: hard("open files"), core: hard("core file size"), queues: hard("msgqueue size") };
  facts["open_files_limit"] = Number.isNaN(limits.files) ? null : limits.files;
  facts["no_core_files"] = limits.core === 0;
  facts["no_message_queues"] = limits.queues === 0;
  if (openFiles === undefined) return [];
  return [
    ...(limits.files <= openFiles ? [] : [`the limit of ${openFiles} open files`]),
    ...(limits.core === 0 ? [] : ["no core files"]),
    ...(limits.queues === 0 ? [] : ["no message queues"]),
  ];
}
