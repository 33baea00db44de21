import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { until } from "../support/until.ts";

const startDeadlineMs = 60_000;

/** A running program of this folder, and its output. */
export interface Program {
  readonly child: ChildProcess;
  readonly output: { text: string };
  /** Resolves to its exit code. */
  readonly ended: Promise<number | null>;
}

export function start(program: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Program {
  const child = spawn(process.execPath, [join(import.meta.dirname, program), ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...env },
  });
  const output = { text: "" };
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => {
      output.text += text;
    });
  const ended = once(child, "close").then(([code]) => code as number | null);
  return { child, output, ended };
}

/** Resolves when the program has printed this. */
export async function hasSaid(program: Program, what: string): Promise<void> {
  await until(
    `"${what}"`,
    () => {
      if (program.output.text.includes(what)) return true;
      if (program.child.exitCode !== null)
        throw new Error(`it ended with ${program.child.exitCode}: ${program.output.text}`);
      return false;
    },
    startDeadlineMs,
  ).catch((error: unknown) => {
    throw new Error(`The program did not say "${what}" but: ${program.output.text}`, { cause: error });
  });
}
