import { type Clock, delay } from "../../platform/clock.ts";
import { isRunning, type ProcessRecord } from "./records.ts";

/** Kills the process of a record, if it is still that one, and waits until it is gone. */
export async function endProcess(record: ProcessRecord, clock: Clock, signal: AbortSignal): Promise<void> {
  while (isRunning(record)) {
    signal.throwIfAborted();
    try {
      process.kill(record.pid, "SIGKILL");
    } catch {
      // It ended in between; the next look sees it.
    }
    await delay(clock, 5, signal);
  }
}
