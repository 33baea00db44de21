import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";

export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running program whose output is collected. */
export interface Running {
  readonly child: ChildProcessWithoutNullStreams;
  readonly output: { stdout: string; stderr: string };
  readonly finished: Promise<Finished>;
}

/** Passes a program its input and collects its output. */
export function collect(child: ChildProcessWithoutNullStreams, input?: string): Running {
  const output = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output.stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    output.stderr += text;
  });
  // A program that has ended accepts no more input.
  child.stdin.on("error", () => undefined);
  child.stdin.end(input);
  const finished = once(child, "close").then(([code, signal]) => ({ code, signal, ...output }) as Finished);
  return { child, output, finished };
}
