import { closeSync, existsSync, openSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openFilesMax, tmpFilesMax } from "./engine-options.ts";
import { speechMounts } from "./speech-programs.ts";

/** What one sandbox is made of. */
export interface SandboxPlan {
  readonly uid: number;
  readonly rootfs: string;
  readonly endpointDirectory: string;
  /** Where the host sees the agent's /workspace; only with root's rights. */
  readonly workspaceDirectory?: string | undefined;
  readonly tmpBytes: number;
  /** Whether it holds the host's speech programs. */
  readonly hasSpeech: boolean;
  /** Writing a 0 into these puts the launcher under its limits. */
  readonly joinFiles: readonly string[];
  /** Node's arguments. */
  readonly command: readonly string[];
  /** Whether it goes on when the bridge is killed, for the next one to take over. */
  readonly outlives: boolean;
  /** With root's rights the launcher makes the mounts and gives up root itself. */
  readonly asRoot: boolean;
}

/** The launcher's own descriptors, beyond its standard ones. */
const descriptors = { args: 3, info: 4, seccomp: 5, mounts: 6, status: 7 } as const;

const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Nothing of the bridge's environment: what a launcher has, an agent might read. */
export const launcherEnvironment = { PATH: path };

/**
 * The program to run and its arguments. A shell sets the limits and becomes bubblewrap by exec. As root it first makes
 * the file system and the socket directory visible under a neutral path in a mount namespace of its own, because the
 * directories that hold them are closed to the agent's uid, and then becomes that uid without any rights.
 */
export function launcher(plan: SandboxPlan): readonly [program: string, args: readonly string[]] {
  const bounds = `prlimit --nofile=${openFilesMax} --core=0 --msgqueue=0`;
  const bubblewrap = `bwrap --args ${descriptors.args} -- /bin/node ${plan.command.map(quote).join(" ")}`;
  const limits = ["echo 500 >/proc/self/oom_score_adj", ...plan.joinFiles.map((file) => `echo 0 >${quote(file)}`)];
  if (!plan.asRoot) return ["sh", ["-c", [...limits, `exec ${bounds} ${bubblewrap}`].join(" && ")]];
  const drop = `setpriv --reuid=${plan.uid} --regid=${plan.uid} --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs`;
  const mounts = `mount -n -a -T /proc/self/fd/${descriptors.mounts}`;
  const script = [...limits, mounts, `exec ${bounds} ${drop} ${bubblewrap} ${descriptors.mounts}<&-`].join(" && ");
  return ["unshare", ["--mount", "--propagation", "private", "sh", "-c", script]];
}

/** The mounts that the launcher makes as root, in fstab's form; undefined when it makes none. */
export function launcherMounts(plan: SandboxPlan): string {
  const place = neutralPlace(plan);
  const escapeField = (text: string) =>
    text.replaceAll(/[\s\\]/g, (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, "0")}`);
  return [
    `none ${place} tmpfs mode=0711,size=64k 0 0`,
    `${escapeField(plan.rootfs)} ${place}/root none bind,X-mount.mkdir 0 0`,
    `${escapeField(plan.endpointDirectory)} ${place}/run none bind,X-mount.mkdir 0 0`,
    `none ${place}/tmp tmpfs mode=1777,noexec,nosuid,nodev,size=${plan.tmpBytes},nr_inodes=${tmpFilesMax},X-mount.mkdir 0 0`,
    ...(plan.workspaceDirectory === undefined
      ? []
      : [`${escapeField(plan.workspaceDirectory)} ${place}/workspace none bind,X-mount.mkdir 0 0`]),
    "",
  ].join("\n");
}

/** A directory that every Linux has and that holds none of the sources, as it is covered while they are bound. */
function neutralPlace({ rootfs, endpointDirectory, workspaceDirectory = "" }: SandboxPlan): string {
  const covers = (place: string) =>
    [rootfs, endpointDirectory, workspaceDirectory].some((source) => source.startsWith(`${place}/`));
  return ["/mnt", "/media", "/srv"].find((place) => !covers(place)) ?? "/opt";
}

/**
 * Bubblewrap's options. They travel by descriptor, so that host paths show in no command line. The agent is pid 1 of
 * its own process list: no process of bubblewrap is in there with it, whose environment and arguments it could read.
 */
export function bubblewrapOptions(plan: SandboxPlan): string {
  const place = neutralPlace(plan);
  const [rootfs, endpoint] = plan.asRoot ? [`${place}/root`, `${place}/run`] : [plan.rootfs, plan.endpointDirectory];
  const id = String(plan.uid);
  return [
    ["--unshare-all", "--unshare-user", "--disable-userns", "--new-session", "--as-pid-1"],
    plan.outlives ? [] : ["--die-with-parent"],
    ["--clearenv", "--setenv", "HOME", "/tmp", "--hostname", "agent", "--uid", id, "--gid", id, "--cap-drop", "ALL"],
    ["--ro-bind", rootfs, "/", "--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev"],
    maskedFiles.filter(existsSync).flatMap((file) => ["--ro-bind", "/dev/null", file]),
    // Bubblewrap's own tmpfs has neither noexec nor a bound on the number of files; the launcher's has both.
    plan.asRoot
      ? ["--bind", `${place}/tmp`, "/tmp"]
      : ["--perms", "1777", "--size", String(plan.tmpBytes), "--tmpfs", "/tmp"],
    plan.hasSpeech ? speechMounts().flatMap(({ from, to }) => ["--ro-bind", from, to]) : [],
    plan.workspaceDirectory === undefined ? [] : ["--bind", `${place}/workspace`, "/workspace"],
    ["--ro-bind", endpoint, "/run/bridge", "--chdir", "/app"],
    ["--seccomp", String(descriptors.seccomp), "--info-fd", String(descriptors.info)],
    ["--json-status-fd", String(descriptors.status)],
  ]
    .flat()
    .join("\0");
}

/** What of the kernel's own state container engines hide. */
const maskedFiles = ["kcore", "keys", "latency_stats", "timer_list", "timer_stats", "sched_debug"].map(
  (name) => `/proc/${name}`,
);

/** A readable descriptor of this content, with no name in the file system. The caller closes it. */
export function anonymousFile(directory: string, name: string, content: string | Buffer): number {
  const file = join(directory, name);
  writeFileSync(file, content, { mode: 0o600 });
  try {
    return openSync(file, "r");
  } finally {
    rmSync(file, { force: true });
  }
}

export function closeAll(files: readonly number[]): void {
  for (const file of files) closeSync(file);
}

const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
