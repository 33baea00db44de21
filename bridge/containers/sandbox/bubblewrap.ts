import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, openSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { BridgeError } from "@armorclaw/protocol";
import { onAbort } from "../../platform/abort.ts";
import type { NativeCalls } from "../../platform/os/peer-credentials.ts";
import { type Launcher, messageOf } from "../port/engine-options.ts";
import type { AgentOutput } from "../process/output.ts";
import { openPipes, pipeReader } from "../process/pipes.ts";
import {
  bubblewrapCommand,
  bubblewrapOptions,
  descriptors,
  type LauncherStep,
  launcherSteps,
  type SandboxPlan,
} from "./sandbox-plan.ts";

/**
 * The two programs that prepare a sandbox's process and then turn it into bubblewrap. Both take the same steps:
 * `launcher.pl` by system calls, `launcher.sh` by a program of util-linux for each, which is slower.
 */
export const launchers: readonly Launcher[] = ["perl", "util-linux"];

const searchPath = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** A launcher gets nothing of the bridge's environment, because an agent might read what a launcher has. */
export const launcherEnvironment = { PATH: searchPath.join(":") };

/** The launcher for this host: `perl`, or where Perl is not installed `util-linux`. */
export const launcherOfHost = (): Launcher =>
  searchPath.some((directory) => existsSync(join(directory, "perl"))) ? "perl" : "util-linux";

export const installHint = "install it with `apt-get install bubblewrap perl-base`";

export interface BubblewrapStart {
  readonly plan: SandboxPlan;
  readonly launcher: Launcher;
  /** The compiled system call filter. */
  readonly filter: Buffer;
  /** Bubblewrap writes the agent's exit code into this file. */
  readonly statusFile: string;
  readonly output: AgentOutput;
  readonly native: Pick<NativeCalls, "pipe"> | undefined;
}

/** Starts the launcher, which becomes bubblewrap, and reads the output of both and of the agent. */
export function startBubblewrap({ plan, launcher, filter, statusFile, output, native }: BubblewrapStart): ChildProcess {
  const seccomp = anonymousFile(`${statusFile}.seccomp`, filter);
  const options = anonymousFile(`${statusFile}.options`, `${bubblewrapOptions(plan).join("\0")}\0`);
  const status = openSync(statusFile, "w", 0o600);
  const pipes = openPipes(native);
  const [program, args] = launcherCommand(launcher, launcherSteps(plan), bubblewrapCommand(plan));
  try {
    // In a session of its own: a Ctrl-C at the bridge's terminal is for the bridge alone.
    const child = spawn(program, args, {
      cwd: "/",
      env: launcherEnvironment,
      detached: true,
      // The order of the last four is that of `descriptors`.
      stdio: ["ignore", pipes?.stdout.write ?? "pipe", pipes?.stderr.write ?? "pipe", "pipe", seccomp, status, options],
    });
    output.read(pipes === undefined ? (child.stdout as Readable) : pipeReader(pipes.stdout.read), "stdout");
    output.read(pipes === undefined ? (child.stderr as Readable) : pipeReader(pipes.stderr.read), "stderr");
    return child;
  } finally {
    for (const file of [seccomp, status, options]) closeSync(file);
    if (pipes !== undefined) for (const { write } of [pipes.stdout, pipes.stderr]) closeSync(write);
  }
}

/** The command that takes the steps and then runs `program`. */
export function launcherCommand(
  launcher: Launcher,
  steps: readonly LauncherStep[],
  program: readonly [name: string, ...args: string[]],
): readonly [program: string, args: readonly string[]] {
  const words = [...steps.flat(), "run", ...program];
  return launcher === "perl"
    ? ["perl", ["-w", join(import.meta.dirname, "launcher.pl"), process.arch, ...words]]
    : ["sh", [join(import.meta.dirname, "launcher.sh"), ...words]];
}

/** A readable descriptor of this content, whose name is removed at once. The caller closes the descriptor. */
function anonymousFile(path: string, content: string | Buffer): number {
  writeFileSync(path, content, { mode: 0o600 });
  try {
    return openSync(path, "r");
  } finally {
    rmSync(path, { force: true });
  }
}

/** Bubblewrap reports on its information descriptor which process became the agent. */
export function agentPid(child: ChildProcess, output: AgentOutput, signal: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    const info = child.stdio[descriptors.info] as Readable;
    let text = "";
    const failure = (why: string, cause?: unknown) =>
      new BridgeError("AGENT_START_FAILED", `The sandbox did not start: ${why}`, undefined, { cause });
    const stopListening = onAbort(signal, () => {
      child.kill("SIGKILL");
      reject(failure(messageOf(signal.reason), signal.reason));
    });
    const fail = (why: string, cause?: unknown) => {
      stopListening();
      reject(failure(why, cause));
    };
    child.once("error", (error: NodeJS.ErrnoException) =>
      fail(error.code === "ENOENT" ? `${error.path} is not installed; ${installHint}` : error.message, error),
    );
    child.once("close", (code) => fail(output.lastLine?.line ?? `the launcher ended with exit code ${code}`));
    info.on("error", () => info.destroy());
    info.setEncoding("utf8").on("data", (part: string) => {
      if (text.length < 4096) text += part;
      const pid = /"child-pid": (\d+)/.exec(text)?.[1];
      if (pid === undefined) return;
      stopListening();
      resolve(Number(pid));
    });
  });
}

/** Bubblewrap ends with 1 and a line of its own when it cannot set up the sandbox. */
export function startFailure(child: ChildProcess, output: AgentOutput): { startFailure?: string } {
  const line = output.lastLine?.line ?? "";
  return child.exitCode === 1 && line.startsWith("bwrap: ") ? { startFailure: line } : {};
}
