import { existsSync } from "node:fs";
import type { HostMount } from "../agent-image/speech-programs.ts";
import { openFilesMax, tmpFilesMax } from "../port/engine-options.ts";

/** What one sandbox is made of, and how the launcher and bubblewrap are to make it. */
export interface SandboxPlan {
  readonly uid: number;
  readonly rootfs: string;
  readonly endpointDirectory: string;
  /** Where the host sees the agent's /workspace. Only root can mount one. */
  readonly workspaceDirectory?: string | undefined;
  readonly tmpBytes: number;
  /** The host's programs that the agent may run, with what they need. Without any, the agent starts no processes. */
  readonly programs: readonly HostMount[];
  /** Writing a 0 into each of these files puts the launcher into the container's cgroup. */
  readonly joinFiles: readonly string[];
  /** Node's arguments. */
  readonly command: readonly string[];
  /** Whether the sandbox keeps running when the bridge is killed, so that the next bridge can adopt it. */
  readonly outlives: boolean;
  /** As root, the launcher makes the mounts and gives up root itself. */
  readonly asRoot: boolean;
}

/** The descriptors that bubblewrap gets beside the standard ones. */
export const descriptors = { info: 3, seccomp: 4, status: 5, options: 6 } as const;

/**
 * What the launcher does: it puts itself under the limits and becomes bubblewrap. As root it first puts the file system
 * together below a neutral path in a mount namespace of its own, because the directories that hold the parts are closed
 * to the agent's uid, and then becomes that uid without any rights.
 */
export const launcherSteps = (plan: SandboxPlan): readonly LauncherStep[] => [
  ...plan.joinFiles.map((file) => step.write(file, "0")),
  step.write("/proc/self/oom_score_adj", "500"),
  step.limit("nofile", openFilesMax),
  step.limit("core", 0),
  step.limit("msgqueue", 0),
  ...(plan.asRoot ? [...mountSteps(plan), step.become(plan.uid)] : []),
];

/** Bubblewrap reads its options from a descriptor, so that no command line shows them. */
export const bubblewrapCommand = ({ command }: SandboxPlan): readonly [name: string, ...args: string[]] => [
  "bwrap",
  "--args",
  String(descriptors.options),
  "--",
  "/bin/node",
  ...command,
];

/** Bubblewrap would take most of its time for these mounts, and cannot forbid programs in /tmp or bound the number of its files. */
function mountSteps(plan: SandboxPlan): readonly LauncherStep[] {
  const root = neutralPlace(plan);
  const bind = (source: string, target: string, flag: "ro" | "noexec") => [
    step.mount(target, { source, flags: ["bind"] }),
    step.mount(target, { flags: ["bind", "remount", "nosuid", "nodev", flag] }),
  ];
  return [
    step.privateMounts(),
    ...bind(plan.rootfs, root, "ro"),
    ...bind(plan.endpointDirectory, `${root}/run/bridge`, "ro"),
    ...(plan.workspaceDirectory === undefined ? [] : bind(plan.workspaceDirectory, `${root}/workspace`, "noexec")),
    step.mount(`${root}/tmp`, {
      type: "tmpfs",
      flags: ["nosuid", "nodev", "noexec"],
      options: `mode=1777,size=${plan.tmpBytes},nr_inodes=${tmpFilesMax}`,
    }),
    ...deviceSteps(`${root}/dev`),
  ];
}

/** Names and their major and minor numbers. */
const devices: Readonly<Record<string, readonly [number, number]>> = {
  null: [1, 3],
  zero: [1, 5],
  full: [1, 7],
  random: [1, 8],
  urandom: [1, 9],
  tty: [5, 0],
};

const deviceLinks = { fd: "", stdin: "/0", stdout: "/1", stderr: "/2" };

/** The agent's /dev has no terminals and no shared memory, and nothing in it can be written but the devices. */
const deviceSteps = (place: string): readonly LauncherStep[] => [
  step.mount(place, { type: "tmpfs", flags: ["nosuid", "noexec"], options: "mode=0755,size=64k" }),
  ...Object.entries(devices).map(([name, [major, minor]]) => step.device(`${place}/${name}`, major, minor)),
  ...Object.entries(deviceLinks).map(([name, end]) => step.link(`${place}/${name}`, `/proc/self/fd${end}`)),
  step.mount(place, { flags: ["bind", "remount", "ro", "nosuid", "noexec"] }),
];

/** A directory that every Linux has. It must hold none of the sources, because a mount covers it while they are bound. */
function neutralPlace({ rootfs, endpointDirectory, workspaceDirectory = "" }: SandboxPlan): string {
  const covers = (place: string) =>
    [rootfs, endpointDirectory, workspaceDirectory].some((source) => source.startsWith(`${place}/`));
  return ["/mnt", "/media", "/srv"].find((place) => !covers(place)) ?? "/opt";
}

/**
 * An agent that starts no programs is pid 1 of its own process list, without any process of bubblewrap beside it. Where an
 * agent may start programs, bubblewrap's init is pid 1; its environment and its arguments show nothing of the host.
 */
export function bubblewrapOptions(plan: SandboxPlan): readonly string[] {
  const id = String(plan.uid);
  return [
    ["--unshare-all", "--unshare-user", "--disable-userns", "--new-session"],
    plan.programs.length > 0 ? [] : ["--as-pid-1"],
    plan.outlives ? [] : ["--die-with-parent"],
    ["--clearenv", "--setenv", "HOME", "/tmp", "--hostname", "agent", "--uid", id, "--gid", id, "--cap-drop", "ALL"],
    // The kernel locks what the launcher has mounted: bubblewrap's user namespace cannot undo the flags.
    plan.asRoot ? ["--dev-bind", neutralPlace(plan), "/"] : ["--ro-bind", plan.rootfs, "/"],
    ["--proc", "/proc", ...maskedFiles.filter(existsSync).flatMap((file) => ["--ro-bind", "/dev/null", file])],
    plan.asRoot ? [] : ownMountOptions(plan),
    plan.programs.flatMap(({ from, to }) => ["--ro-bind", from, to]),
    ["--chdir", "/app"],
    ["--seccomp", String(descriptors.seccomp), "--info-fd", String(descriptors.info)],
    ["--json-status-fd", String(descriptors.status)],
  ].flat();
}

/** The mounts that bubblewrap makes where the launcher is not root. */
const ownMountOptions = ({ tmpBytes, endpointDirectory }: SandboxPlan): readonly string[] => [
  ...["--dev", "/dev", "--remount-ro", "/dev", "--perms", "1777", "--size", String(tmpBytes), "--tmpfs", "/tmp"],
  ...["--ro-bind", endpointDirectory, "/run/bridge"],
];

/** The files of /proc with the kernel's own state that container engines hide, too. */
const maskedFiles = ["kcore", "keys", "latency_stats", "timer_list", "timer_stats", "sched_debug"].map(
  (name) => `/proc/${name}`,
);

/** A step's name and its arguments, as `launcher.pl` describes them. */
export type LauncherStep = readonly [name: string, ...args: string[]];

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
