import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

/**
 * Chooses the processors of the two ends of a load. One request after the other takes 20 µs when they share a processor and 50 µs when each
 * has its own, and the scheduler decides that again for each run: the ratio of two runs would show only that decision.
 */
export type Placement = "one processor" | "two processors" | "anywhere";

/** The command of one end of a load: the program, and the arguments before node's own. */
export interface Start {
  readonly execPath: string;
  readonly execArgv: readonly string[];
}

const processors = hasTaskset() ? allowedProcessors() : [];

export function startOn(placement: Placement, end: "server" | "client"): Start {
  const [first, second = first] = processors;
  if (placement === "anywhere" || first === undefined) return { execPath: process.execPath, execArgv: [] };
  const own = placement === "two processors" && end === "client" ? second : first;
  return { execPath: "taskset", execArgv: ["--cpu-list", String(own), process.execPath] };
}

function hasTaskset(): boolean {
  return spawnSync("taskset", ["--version"]).status === 0;
}

/** Parses the kernel's format: `0-3,8`. */
function allowedProcessors(): number[] {
  const [, list = ""] = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
  return list.split(",").flatMap((range) => {
    const [from = Number.NaN, to = from] = range.split("-").map(Number);
    return Array.from({ length: to - from + 1 }, (_, index) => from + index);
  });
}
