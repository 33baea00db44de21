import { readdirSync, readlinkSync } from "node:fs";
import type { NativeCalls } from "./peer-credentials.ts";

/** How often the pipes are looked at. The signal is delivered before `kill` returns, or an instant later. */
const looksMax = 1_000;

/**
 * Finds the pipe by which a signal reaches Node's loop: libuv's handler writes to it, and only a loop that runs empties it. The
 * process sends itself a signal that does nothing and looks which pipe can be read now and could not before.
 * @returns the descriptor of its reading end; undefined where there is none to be found
 */
export function findSignalPipe(native: Pick<NativeCalls, "isReadable">): number | undefined {
  const pipes = pipesOfProcess().filter((fd) => !native.isReadable(fd));
  const ignore = () => undefined;
  process.on("SIGWINCH", ignore);
  try {
    process.kill(process.pid, "SIGWINCH");
    for (let looks = 0; looks < looksMax; looks++) {
      const found = pipes.find((fd) => native.isReadable(fd));
      if (found !== undefined) return found;
    }
    return undefined;
  } finally {
    process.off("SIGWINCH", ignore);
  }
}

function pipesOfProcess(): number[] {
  return readdirSync("/proc/self/fd")
    .map(Number)
    .filter((fd) => fd > 2 && targetOf(fd).startsWith("pipe:"));
}

function targetOf(fd: number): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    // The directory's own descriptor is closed by now.
    return "";
  }
}
