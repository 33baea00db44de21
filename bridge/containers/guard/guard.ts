import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Logger } from "../../logging/index.ts";
import type { NativeCalls } from "../../platform/os/peer-credentials.ts";
import { findSignalPipe } from "../../platform/os/signal-pipe.ts";
import { freezerFile } from "../kernel/freezer.ts";
import { startTicks } from "../kernel/proc.ts";
import { launcherEnvironment, launcherOfHost } from "../sandbox/bubblewrap.ts";

/** A guard ends when its input does. */
const endMs = 1_000;
const reasonMax = 500;

export interface GuardOptions {
  /** Where a panic is taken while the bridge stands still. */
  readonly socketPath: string;
  /** Holds a panic that no bridge has taken over. */
  readonly panicFile: string;
  /** From a signal that the bridge does not take to the SIGKILL of its agents, and to its own. */
  readonly stopGraceMs: number;
  readonly hardStopMs: number;
  readonly native: NativeCalls | undefined;
  readonly logger: Logger;
}

/**
 * A process beside the bridge that freezes and stops agents while the bridge's thread stands still; `guard.pl` describes what it
 * does. There is none where there is no Perl.
 */
export class Guard {
  readonly #options: GuardOptions;
  #child: ChildProcess | undefined;
  #isClosing = false;

  constructor(options: GuardOptions) {
    this.#options = options;
  }

  get isRunning(): boolean {
    return this.#child !== undefined;
  }

  /** @param onPanic takes over a panic whose agents are frozen already */
  start(onPanic: (reason: string) => Promise<unknown>): void {
    const { socketPath, panicFile, stopGraceMs, hardStopMs, native, logger } = this.#options;
    if (process.platform !== "linux") return;
    if (launcherOfHost() !== "perl") {
      logger.warn({}, "There is no Perl, so nothing acts while the bridge's thread stands still");
      return;
    }
    const words = [process.arch, process.pid, socketPath, panicFile, stopGraceMs, hardStopMs].map(String);
    const signals = native === undefined ? undefined : findSignalPipe(native);
    if (signals === undefined) logger.warn({}, "The guard cannot see signals that the bridge does not take");
    const child = spawn("perl", ["-w", join(import.meta.dirname, "guard.pl"), ...words], {
      env: launcherEnvironment,
      stdio: ["pipe", "pipe", "inherit", signals ?? "ignore"],
    });
    this.#child = child;
    child.on("error", (error) => logger.error({ error }, "The guard could not be started"));
    child.stdin?.on("error", () => undefined);
    child.once("exit", (code, signal) => {
      this.#child = undefined;
      if (!this.#isClosing) logger.error({ code, signal }, "The guard has ended");
    });
    if (child.stdout !== null) createInterface({ input: child.stdout }).on("line", (line) => this.#hear(line, onPanic));
    // The guard does not keep the bridge alive.
    child.unref();
  }

  /** Lets the guard act on a container. @returns ends that */
  hold(id: string, pid: number): () => void {
    const ticks = startTicks(pid);
    if (ticks === undefined) return () => undefined;
    this.#tell(`agent ${id} ${pid} ${ticks} ${freezerFile(pid) ?? "-"}`);
    return () => this.#tell(`gone ${id}`);
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    const child = this.#child;
    if (child === undefined) return;
    child.ref();
    child.stdin?.end();
    await once(child, "exit", { signal: AbortSignal.timeout(endMs) }).catch(() => child.kill("SIGKILL"));
  }

  #tell(line: string): void {
    this.#child?.stdin?.write(`${line}\n`);
  }

  #hear(line: string, onPanic: (reason: string) => Promise<unknown>): void {
    const [what] = line.split(" ", 1);
    if (what !== "panic") return;
    const { panicFile, logger } = this.#options;
    onPanic(reasonOf(line.slice("panic ".length))).then(
      () => {
        this.#tell("panicked");
        rmSync(panicFile, { force: true });
      },
      (error: unknown) => logger.error({ error }, "A panic that the guard began could not be taken over"),
    );
  }
}

/** Hands over the panic that a guard has written down, if there is one, and removes it once `take` has kept it. */
export function takePanic(panicFile: string, take: (reason: string) => void): void {
  if (!existsSync(panicFile)) return;
  take(reasonOf(readFileSync(panicFile, "utf8").trim()));
  rmSync(panicFile);
}

function reasonOf(text: string): string {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "string" && value !== "") return value.slice(0, reasonMax);
  } catch {
    // A person may have written to the socket by hand.
  }
  return "Asked for at the panic socket";
}
