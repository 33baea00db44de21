import { constants, openSync } from "node:fs";
import { Socket } from "node:net";
import type { Readable } from "node:stream";
import type { NativeCalls } from "../../platform/os/peer-credentials.ts";

type Pipe = NonNullable<ReturnType<NativeCalls["pipe"]>>;

/** Creates pipes for a process's output that a later bridge can open again. Undefined where only Node's own pipes are available. */
export function openPipes(
  native: Pick<NativeCalls, "pipe"> | undefined,
): { readonly stdout: Pipe; readonly stderr: Pipe } | undefined {
  const [stdout, stderr] = [native?.pipe(), native?.pipe()];
  return stdout === undefined || stderr === undefined ? undefined : { stdout, stderr };
}

/** Reads from a pipe's descriptor, and closes it with the stream. */
export const pipeReader = (fd: number): Readable => new Socket({ fd, readable: true, writable: false });

/** Opens the reading end of a pipe that a running process writes to; undefined when it is not a pipe or the process has ended. */
export function reopenPipe(path: string): Readable | undefined {
  try {
    return pipeReader(openSync(path, constants.O_RDONLY | constants.O_NONBLOCK));
  } catch {
    return undefined;
  }
}
