import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Launcher } from "../port/engine-options.ts";

/**
 * The two programs that prepare a sandbox's process and then turn it into bubblewrap. Both take the same steps:
 * `launcher.pl` by system calls, `launcher.sh` by a program of util-linux for each, which is slower.
 */
export const launchers: readonly Launcher[] = ["perl", "util-linux"];

/** A step's name and its arguments, as `launcher.pl` describes them. */
export type LauncherStep = readonly [name: string, ...args: string[]];

const searchPath = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** A launcher gets nothing of the bridge's environment, because an agent might read what a launcher has. */
export const launcherEnvironment = { PATH: searchPath.join(":") };

/** The launcher for this host: `perl`, or where Perl is not installed `util-linux`. */
export const launcherOfHost = (): Launcher =>
  searchPath.some((directory) => existsSync(join(directory, "perl"))) ? "perl" : "util-linux";

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

type Resource = "nofile" | "core" | "msgqueue";
type MountFlag = "ro" | "nosuid" | "nodev" | "noexec" | "remount" | "bind";

interface Mount {
  readonly flags: readonly MountFlag[];
  readonly source?: string;
  readonly type?: string;
  readonly options?: string;
}

export const step = {
  write: (file: string, text: string): LauncherStep => ["write", file, text],
  limit: (resource: Resource, most: number): LauncherStep => ["limit", resource, String(most)],
  privateMounts: (): LauncherStep => ["private-mounts"],
  mount: (target: string, { source = "none", type = "none", flags, options = "" }: Mount): LauncherStep => [
    "mount",
    source,
    target,
    type,
    flags.join(","),
    options,
  ],
  device: (path: string, major: number, minor: number): LauncherStep => ["device", path, String(major), String(minor)],
  link: (path: string, target: string): LauncherStep => ["link", path, target],
  become: (id: number): LauncherStep => ["become", String(id)],
};
