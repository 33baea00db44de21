import { closeSync, existsSync, openSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { speechMounts } from "../agent-image/speech-programs.ts";
import { openFilesMax, tmpFilesMax } from "../engine-options.ts";
import { launcherProgram, launcherSteps, type MountFlag } from "./launcher-program.ts";

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
export const descriptors = { info: 3, seccomp: 4, status: 5 } as const;

const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Nothing of the bridge's environment: what a launcher has, an agent might read. */
export const launcherEnvironment = { PATH: path };

/**
 * The program to run and its arguments. It puts itself under the limits and becomes bubblewrap. As root it first puts
 * the file system together under a neutral path in a mount namespace of its own, because the directories that hold its
 * parts are closed to the agent's uid, and then becomes that uid without any rights.
 */
export function launcher(plan: SandboxPlan): readonly [program: string, args: readonly string[]] {
  const { write, limit, become } = launcherSteps(process.arch);
  const steps = [
    ...plan.joinFiles.map((file) => write(file, "0")),
    write("/proc/self/oom_score_adj", "500"),
    limit("openFiles", openFilesMax),
    limit("coreFile", 0),
    limit("messageQueues", 0),
    ...(plan.asRoot ? [...mountSteps(plan), ...become(plan.uid)] : []),
  ];
  return ["perl", launcherProgram(steps, "bwrap", bubblewrapOptions(plan), ["--", "/bin/node", ...plan.command])];
}

/** In one go what would cost bubblewrap most of its time, and a /tmp that runs nothing and is bounded in files, which it has not. */
function mountSteps(plan: SandboxPlan): string[] {
  const { mount, ownMounts } = launcherSteps(process.arch);
  const root = neutralPlace(plan);
  const bind = (source: string, target: string, flags: readonly MountFlag[]) => [
    mount(target, { source, flags: ["bind"] }),
    mount(target, { flags: ["bind", "remount", "nosuid", "nodev", ...flags] }),
  ];
  return [
    ...ownMounts(),
    ...bind(plan.rootfs, root, ["readOnly"]),
    ...bind(plan.endpointDirectory, `${root}/run/bridge`, ["readOnly"]),
    ...(plan.workspaceDirectory === undefined ? [] : bind(plan.workspaceDirectory, `${root}/workspace`, ["noexec"])),
    mount(`${root}/tmp`, {
      type: "tmpfs",
      flags: ["nosuid", "nodev", "noexec"],
      options: `mode=1777,size=${plan.tmpBytes},nr_inodes=${tmpFilesMax}`,
    }),
    ...deviceSteps(`${root}/dev`),
  ];
}

const devices = { null: [1, 3], zero: [1, 5], full: [1, 7], random: [1, 8], urandom: [1, 9], tty: [5, 0] } as const;

/** No terminals and no shared memory in it, and nothing to write to but the devices. */
function deviceSteps(place: string): string[] {
  const { mount, device, link } = launcherSteps(process.arch);
  const links = { fd: "", stdin: "/0", stdout: "/1", stderr: "/2" };
  return [
    mount(place, { type: "tmpfs", flags: ["nosuid", "noexec"], options: "mode=0755,size=64k" }),
    ...Object.entries(devices).flatMap(([name, numbers]) => device(`${place}/${name}`, numbers)),
    ...Object.entries(links).map(([name, end]) => link(`${place}/${name}`, `/proc/self/fd${end}`)),
    mount(place, { flags: ["bind", "remount", "readOnly", "nosuid", "noexec"] }),
  ];
}

/** A directory that every Linux has and that holds none of the sources, as it is covered while they are bound. */
function neutralPlace({ rootfs, endpointDirectory, workspaceDirectory = "" }: SandboxPlan): string {
  const covers = (place: string) =>
    [rootfs, endpointDirectory, workspaceDirectory].some((source) => source.startsWith(`${place}/`));
  return ["/mnt", "/media", "/srv"].find((place) => !covers(place)) ?? "/opt";
}

/**
 * An agent that starts no programs is pid 1 of its own process list: no process of bubblewrap is in there with it. Where it may start
 * some, bubblewrap's init is, whose environment and arguments tell nothing.
 */
function bubblewrapOptions(plan: SandboxPlan): readonly string[] {
  const id = String(plan.uid);
  return [
    ["--unshare-all", "--unshare-user", "--disable-userns", "--new-session"],
    plan.hasSpeech ? [] : ["--as-pid-1"],
    plan.outlives ? [] : ["--die-with-parent"],
    ["--clearenv", "--setenv", "HOME", "/tmp", "--hostname", "agent", "--uid", id, "--gid", id, "--cap-drop", "ALL"],
    // What the launcher has mounted is locked as it is: bubblewrap's user namespace may not undo its flags.
    plan.asRoot ? ["--dev-bind", neutralPlace(plan), "/"] : ["--ro-bind", plan.rootfs, "/"],
    ["--proc", "/proc", ...maskedFiles.filter(existsSync).flatMap((file) => ["--ro-bind", "/dev/null", file])],
    plan.asRoot ? [] : ownMountOptions(plan),
    plan.hasSpeech ? speechMounts().flatMap(({ from, to }) => ["--ro-bind", from, to]) : [],
    ["--chdir", "/app"],
    ["--seccomp", String(descriptors.seccomp), "--info-fd", String(descriptors.info)],
    ["--json-status-fd", String(descriptors.status)],
  ].flat();
}

/** Where the launcher may mount nothing. */
const ownMountOptions = ({ tmpBytes, endpointDirectory }: SandboxPlan): readonly string[] => [
  "--dev",
  "/dev",
  "--remount-ro",
  "/dev",
  "--perms",
  "1777",
  "--size",
  String(tmpBytes),
  "--tmpfs",
  "/tmp",
  "--ro-bind",
  endpointDirectory,
  "/run/bridge",
];

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
