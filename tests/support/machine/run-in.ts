import { spawn } from "node:child_process";
import { collect } from "../collect.ts";

/** Runs a program with this input and collects its output, without blocking this process. */
export async function runIn(
  command: string,
  args: readonly string[],
  input: string,
  deadlineMs = 60_000,
): Promise<{ stdout: string; stderr: string; ended: string }> {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"], signal: AbortSignal.timeout(deadlineMs) });
  const { code, signal, stdout, stderr } = await collect(child, input).finished;
  return { stdout, stderr, ended: `${code ?? signal}` };
}
