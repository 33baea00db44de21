import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { HostMount } from "../agent-image/speech-programs.ts";
import type { ContainerSpec, WorkspaceSource } from "../port/engine.ts";
import { heapLimitMiB, openFilesMax, tmpFilesMax } from "../port/engine-options.ts";
import { workspaceOptions } from "../sandbox/workspaces.ts";
import { loopProfile, programsProfile, toDockerProfile } from "../seccomp/seccomp.ts";

/** The properties of a container that the engine decides, not the caller. */
export interface HardeningContext {
  readonly installId: string;
  /** The image's id: a digest, never a tag. */
  readonly imageId: string;
  /** The uid in the container, which differs from the host's uid in a remapped engine. */
  readonly containerUid: number;
  readonly arch: string;
  /** The directory of the system call filters for Podman, which reads a filter only from a file. */
  readonly podmanProfiles?: string | undefined;
  readonly runtime?: string;
  /** The host's programs that the grants allow, mounted read-only. */
  readonly programs: readonly HostMount[];
}

export const labels = { install: "ac.install", agent: "ac.agent", epoch: "ac.epoch", uid: "ac.uid" } as const;

/** The same start always gets the same name, so that a start whose answer was lost is found again. */
const containerName = (installId: string, agentId: string, epoch: number): string =>
  `armorclaw-${installId}-${agentId}-${epoch}`;

/** Returns the complete request to Docker. It is a pure function of a closed type, so that a caller cannot add options. */
export function createBody(spec: ContainerSpec, context: HardeningContext) {
  const user = `${context.containerUid}:${context.containerUid}`;
  return {
    name: containerName(context.installId, spec.agentId, spec.epoch),
    Image: context.imageId,
    User: user,
    Cmd: [`--max-old-space-size=${heapLimitMiB(spec.limits.memory_bytes)}`, "/app/agent.mjs"],
    Env: ["HOME=/tmp"],
    // Without a network the engine skips its whole network set-up, which is half of the start time.
    NetworkDisabled: true,
    StopTimeout: 5,
    Labels: {
      [labels.install]: context.installId,
      [labels.agent]: spec.agentId,
      [labels.epoch]: String(spec.epoch),
      [labels.uid]: String(context.containerUid),
    },
    HostConfig: hostConfig(spec, context),
  };
}

/** This limit counts all processes of the user id; the cgroup's limit counts the agent alone. */
const podmanProcesses = 4096;

/** Podman adds writable directories besides /tmp to a read-only container, unless the request names them. */
const closed = "ro,noexec,nosuid,nodev,size=64k,mode=0755";

/** A container without programs starts no child process. */
const profiles = { loop: loopProfile, programs: programsProfile } as const;

/** Writes the filters as Podman takes them. */
export function writePodmanProfiles(directory: string, arch: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  for (const [name, profile] of Object.entries(profiles))
    writeFileSync(join(directory, `${name}.json`), toDockerProfile(profile, arch), { mode: 0o600 });
}

function hostConfig({ limits, endpointDirectory, workspace }: ContainerSpec, context: HardeningContext) {
  const { arch, runtime, programs, podmanProfiles } = context;
  const profile = programs.length > 0 ? "programs" : "loop";
  const isPodman = podmanProfiles !== undefined;
  const seccomp = isPodman ? join(podmanProfiles, `${profile}.json`) : toDockerProfile(profiles[profile], arch);
  return {
    NetworkMode: "none",
    CapDrop: ["ALL"],
    SecurityOpt: ["no-new-privileges:true", `seccomp=${seccomp}`],
    ReadonlyRootfs: true,
    IpcMode: "none",
    // Programs may leave zombie processes, which Node as process 1 does not reap.
    ...(programs.length > 0 ? { Init: true } : {}),
    Tmpfs: {
      ...(isPodman ? { "/run": closed, "/var/tmp": closed } : {}),
      "/tmp": `rw,noexec,nosuid,nodev,size=${limits.tmp_bytes},${isPodman ? "" : `nr_inodes=${tmpFilesMax},`}mode=1777`,
    },
    PidsLimit: limits.pids,
    Memory: limits.memory_bytes,
    // The sum of memory and swap: no swap.
    MemorySwap: limits.memory_bytes,
    NanoCpus: Math.round(limits.cpus * 1e9),
    OomScoreAdj: 500,
    Ulimits: [
      { Name: "nofile", Soft: openFilesMax, Hard: openFilesMax },
      { Name: "core", Soft: 0, Hard: 0 },
      { Name: "msgqueue", Soft: 0, Hard: 0 },
      // Podman's default is higher than a root without all capabilities may set.
      ...(isPodman ? [{ Name: "nproc", Soft: podmanProcesses, Hard: podmanProcesses }] : []),
    ],
    // The supervisor alone restarts: a restart by the engine would skip attestation and the new epoch.
    RestartPolicy: { Name: "no" },
    LogConfig: { Type: "json-file", Config: { "max-size": "1m", "max-file": "1" } },
    Mounts: [
      ...[{ from: endpointDirectory, to: "/run/bridge" }, ...programs].map(readOnly),
      ...(workspace?.source === undefined ? [] : [workspaceVolume(workspace.source)]),
    ],
    ...(runtime === undefined ? {} : { Runtime: runtime }),
  };
}

/** The volume has no name, so that it is removed with the container; its directory on the host stays. */
const workspaceVolume = ({ device }: WorkspaceSource) => ({
  Type: "volume" as const,
  Source: "",
  Target: "/workspace",
  ReadOnly: false,
  VolumeOptions: {
    NoCopy: true,
    Labels: {},
    DriverConfig: { Name: "local", Options: { type: "ext4", device, o: workspaceOptions } },
  },
});

const readOnly = ({ from, to }: HostMount) => ({
  Type: "bind" as const,
  Source: from,
  Target: to,
  ReadOnly: true,
  BindOptions: { Propagation: "rprivate" as const },
});
