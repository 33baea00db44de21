import { ConnectionError } from "@armorclaw/client-sdk";
import { pause } from "@armorclaw/client-sdk/retry";
import type { AgentActivity } from "@armorclaw/protocol";
import type { Loop, LoopContext } from "./loops/loop.ts";

/** The agent ends after this many failures of its loop in a row, and the bridge decides about a new start. */
const failuresMax = 5;
/** A tick that runs longer than this is reported as busy. */
const busyAfterMs = 250;
const messageCharsMax = 500;

export interface HostOptions {
  readonly loop: Loop;
  readonly context: LoopContext;
  /** Whether the bridge is connected. Ticks are skipped otherwise, which does not count as a failure. */
  connected(): boolean;
  /** Reports each change of activity and each failure. */
  report(activity: AgentActivity, message?: string): Promise<void>;
}

/**
 * Runs a loop on its schedule until the context's signal aborts. A tick that overruns delays the next one.
 * @throws the last failure, when the loop failed too often in a row or could not start
 */
export async function runLoop(options: HostOptions): Promise<void> {
  const { loop, context } = options;
  let failures = 0;
  await loop.start?.(context);
  await options.report("active");
  try {
    while (!context.signal.aborted) {
      const startedAt = performance.now();
      const failure = options.connected() ? await runTick(options, failures > 0) : undefined;
      if (failure === undefined) failures = 0;
      else if (!context.signal.aborted && isLoopsOwn(failure, options)) {
        failures += 1;
        await options.report("error", `Failure ${failures} of ${failuresMax}: ${messageOf(failure)}`);
        if (failures === failuresMax) throw failure;
      }
      await pause(context.scheduleMs - (performance.now() - startedAt), context.signal);
    }
  } finally {
    await loop.stop?.();
  }
}

/** Runs one tick. Returns what it threw, if it did. */
async function runTick({ loop, context, report }: HostOptions, hadFailed: boolean): Promise<Error | undefined> {
  let busy: Promise<void> | undefined;
  const timer = setTimeout(() => {
    busy = report("busy");
  }, busyAfterMs);
  try {
    await loop.tick(context);
    clearTimeout(timer);
    await busy;
    if (hadFailed || busy !== undefined) await report("active");
    return undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  } finally {
    clearTimeout(timer);
  }
}

const isLoopsOwn = (error: Error, { connected }: HostOptions): boolean =>
  connected() && !(error instanceof ConnectionError && error.code === "CLOSED");

const messageOf = (error: Error): string => error.message.slice(0, messageCharsMax - 40);
