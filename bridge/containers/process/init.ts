import { type Clock, delay } from "../../platform/clock.ts";
import { readKernelFile } from "../kernel/proc.ts";

/** The init starts its one process within milliseconds. */
const startTimeoutMs = 5_000;

/**
 * Returns the agent's own process, where an init is process 1 of its container: the init reaps orphaned processes, which
 * Node as process 1 would not. The agent is the init's first child; orphans come after it.
 * @returns the init itself where the kernel does not show its children
 */
export async function startedBy(init: number, clock: Clock): Promise<number> {
  const deadline = clock.monotonic() + startTimeoutMs;
  while (clock.monotonic() < deadline) {
    const children = readKernelFile(`/proc/${init}/task/${init}/children`);
    if (children === undefined) return init;
    const first = Number.parseInt(children, 10);
    if (first > 0) return first;
    await delay(clock, 1);
  }
  return init;
}
