import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** Returns the files by which a process joins the agent's own cgroups, in cgroup v1 or v2. */
function cgroupsOf(pid: number): string[] {
  const lines = (of: number | "self") => readFileSync(`/proc/${of}/cgroup`, "utf8").trim().split("\n");
  const shared = new Set(lines("self"));
  return lines(pid)
    .filter((line) => !shared.has(line))
    .map((line) => {
      const [, controllers = "", path = ""] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
      // Where v1 and v2 are both mounted, v2 has its own directory.
      const unified = existsSync("/sys/fs/cgroup/unified") ? "unified" : "";
      const folder = controllers === "" ? unified : controllers.replace(/^name=/, "");
      return join("/sys/fs/cgroup", folder, path, "cgroup.procs");
    });
}

/**
 * Returns the command that runs a program inside an agent's container, as the agent: in its cgroups, its file system and its network,
 * with its uid.
 */
export function insideAgent(
  pid: number,
  program: readonly string[],
): { readonly command: string; readonly args: string[] } {
  const uid = String(statSync(`/proc/${pid}`).uid);
  const enrol = cgroupsOf(pid).map((file) => `echo $$ >${file}`);
  const enter = ["nsenter", "-t", String(pid), "-m", "-n", "-S", uid, "-G", uid, "--", ...program];
  return { command: "sh", args: ["-c", [...enrol, 'exec "$@"'].join(" && "), "sh", ...enter] };
}
