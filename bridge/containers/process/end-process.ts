import { type Clock, delay } from "../../platform/clock.ts";
import { isRunning, type ProcessRecord } from "./records.ts";

/** Kills the process of a record, unless its pid belongs to another process by now, and waits until it is gone. */
export async function endProcess(record: ProcessRecord, clock: Clock, signal: AbortSignal): Promise<void> {
  while (isRunning(record)) {
    signal.throwIfAborted();
    try {
      process.kill(record.pid, "SIGKILL");
    } catch {
      // The process ended in between; the next check sees that.
    }
    await delay(clock, 5, signal);
  }
}
