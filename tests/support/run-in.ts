import { spawn } from "node:child_process";
import { once } from "node:events";

/** Runs a program with this input and gathers what it says, while this process goes on. */
export async function runIn(
  command: string,
  args: readonly string[],
  input: string,
  deadlineMs = 60_000,
): Promise<{ stdout: string; stderr: string; ended: string }> {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"], signal: AbortSignal.timeout(deadlineMs) });
  const output = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output.stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    output.stderr += text;
  });
  child.stdin.on("error", () => undefined);
  child.stdin.end(input);
  const [code, signal] = (await once(child, "close")) as [number | null, string | null];
  return { ...output, ended: `${code ?? signal}` };
}
