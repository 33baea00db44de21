import type { ChildProcess } from "node:child_process";
import { type FSWatcher, watch } from "node:fs";
import { type Clock, delay } from "../../platform/clock.ts";
import { readKernelFile, startTicks } from "../kernel/proc.ts";
import type { RawExit } from "./exit-info.ts";
import type { AgentOutput } from "./output.ts";

/** Detects the end of a process. */
export interface ProcessEnd {
  /** Settles at the first sign. */
  readonly gone: Promise<void>;
  /** Settles when the exit is known as far as possible. */
  readonly raw: Promise<RawExit>;
  /** Checks at once. */
  look(): void;
}

/** Detects the end of the bridge's own child process. */
export function endOfChild(child: ChildProcess, output: AgentOutput): ProcessEnd {
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const closed = new Promise<RawExit>((resolve) => child.once("close", (code, signal) => resolve({ code, signal })));
  return { gone, raw: ended(), look: () => undefined };

  async function ended(): Promise<RawExit> {
    const raw = await closed;
    await output.ended();
    return raw;
  }
}

/** The interval at which a process that is not the bridge's child is checked, besides at every sign of its end. */
const lookIntervalMs = 250;

/** Detects the end of a process that an earlier bridge started: its launcher, which is still its parent, writes down how it ended. */
export function endOfAdopted(pid: number, statusFile: string, output: AgentOutput, clock: Clock): ProcessEnd {
  const born = startTicks(pid);
  const { promise: gone, resolve } = Promise.withResolvers<void>();
  let watcher: FSWatcher | undefined;
  const look = () => {
    if (born !== undefined && startTicks(pid) === born) return;
    timer.cancel();
    watcher?.close();
    resolve();
  };
  const timer = clock.every(lookIntervalMs, look);
  try {
    watcher = watch(statusFile, { persistent: false }, look);
    watcher.on("error", () => watcher?.close());
  } catch {
    // The file is gone; the checks at intervals remain.
  }
  look();
  return { gone, raw: ended(), look };

  async function ended(): Promise<RawExit> {
    await gone;
    await output.ended();
    return await writtenExit(statusFile, clock);
  }
}

/** The launcher writes a moment after the end. Null when the launcher was killed before it could write. */
async function writtenExit(statusFile: string, clock: Clock): Promise<RawExit> {
  for (let attempt = 0; attempt < 20; attempt++) {
    const code = /"exit-code": (\d+)/.exec(readKernelFile(statusFile) ?? "")?.[1];
    if (code !== undefined) return { code: Number(code) };
    await delay(clock, 5);
  }
  return { code: null };
}
