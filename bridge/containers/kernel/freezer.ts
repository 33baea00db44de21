import { existsSync, writeFileSync } from "node:fs";
import { type Clock, delay } from "../../platform/clock.ts";
import { cgroupDirectory, readKernelFile, unifiedDirectory } from "./proc.ts";

const frozenTimeoutMs = 2_000;

/** The files that freeze one cgroup, in cgroup v1 or v2. */
interface Freezer {
  readonly file: string;
  readonly values: { readonly frozen: string; readonly thawed: string };
  isFrozen(): boolean;
}

/** Freezes a container's processes: its whole cgroup, or the one process where it has no cgroup of its own. */
export async function freeze(pid: number, clock: Clock): Promise<void> {
  const freezer = freezerOf(pid);
  if (freezer === undefined) return signal(pid, "SIGSTOP");
  write(freezer.file, freezer.values.frozen);
  const deadline = clock.monotonic() + frozenTimeoutMs;
  while (!freezer.isFrozen() && existsSync(freezer.file)) {
    if (clock.monotonic() > deadline) throw new Error(`The processes of ${pid} did not freeze`);
    await delay(clock, 2);
  }
}

/** Resumes them. A frozen process does not die before it is resumed. */
export function thaw(pid: number): void {
  const freezer = freezerOf(pid);
  if (freezer === undefined) signal(pid, "SIGCONT");
  else write(freezer.file, freezer.values.thawed);
}

/** The file that freezes the container of a process; undefined where it has no cgroup of its own. */
export const freezerFile = (pid: number): string | undefined => freezerOf(pid)?.file;

/** Returns undefined where the process shares its cgroup with the bridge, which must not freeze itself. */
function freezerOf(pid: number): Freezer | undefined {
  const own = cgroupDirectory(pid, "freezer");
  if (own !== undefined && own !== cgroupDirectory(process.pid, "freezer")) {
    const file = `${own}/freezer.state`;
    return {
      file,
      values: { frozen: "FROZEN", thawed: "THAWED" },
      isFrozen: () => readKernelFile(file) === "FROZEN",
    };
  }
  const unified = unifiedDirectory(pid);
  if (unified === undefined || unified === unifiedDirectory(process.pid)) return undefined;
  const file = `${unified}/cgroup.freeze`;
  if (!existsSync(file)) return undefined;
  return {
    file,
    values: { frozen: "1", thawed: "0" },
    isFrozen: () => /^frozen 1$/m.test(readKernelFile(`${unified}/cgroup.events`) ?? ""),
  };
}

function write(file: string, value: string): void {
  try {
    writeFileSync(file, value);
  } catch {
    // The cgroup was removed after its last process ended, so no process is frozen or running.
  }
}

function signal(pid: number, name: "SIGSTOP" | "SIGCONT"): void {
  try {
    process.kill(pid, name);
  } catch {
    // The process has just ended.
  }
}
