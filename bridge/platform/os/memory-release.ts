import type { Clock, Timer } from "../clock.ts";
import type { NativeCalls } from "./peer-credentials.ts";

/** By then the default agents have started, and what their starts took is free. */
const firstMs = 20_000;
const intervalMs = 10 * 60_000;

/** The service that returns memory to the system after the start and from time to time. A call takes a few milliseconds. */
export function memoryRelease(clock: Clock, native: Pick<NativeCalls, "releaseFreeMemory"> | undefined) {
  const timers: Timer[] = [];
  const release = () => native?.releaseFreeMemory();
  return {
    name: "memory release",
    async start(): Promise<void> {
      timers.push(clock.after(firstMs, release), clock.every(intervalMs, release));
    },
    async stop(): Promise<void> {
      for (const timer of timers) timer.cancel();
    },
  };
}
