import { spawn } from "node:child_process";
import { once } from "node:events";

/** One of the programs that `npm run bench` or `npm run nightly` can start. */
export interface Task {
  /** The TypeScript file to run, from the root. */
  readonly script: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The task that runs first. */
  readonly before?: () => Promise<unknown>;
}

/** Bundles the agent for the containers. */
export const buildAgent = (): Promise<unknown> => import(new URL("build-agent.mjs", import.meta.url).href);

/** Runs the task that the first argument names with the other arguments. @returns the exit code */
export async function runTask(
  command: string,
  tasks: Readonly<Record<string, Task>>,
  [name = "", ...rest]: readonly string[],
): Promise<number> {
  const task = tasks[name];
  if (task === undefined) {
    process.stderr.write(`usage: npm run ${command} -- NAME [FLAGS], where NAME is ${Object.keys(tasks).join(", ")}\n`);
    return 2;
  }
  await task.before?.();
  const flags = ["--conditions=armorclaw-source", "--no-warnings", task.script, ...(task.args ?? [])];
  const child = spawn(process.execPath, [...flags, ...rest], {
    stdio: "inherit",
    env: { ...process.env, ...task.env },
  });
  const [code] = (await once(child, "close")) as [number | null];
  return code ?? 1;
}
