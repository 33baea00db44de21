import { BridgeError, type EngineStatus } from "@armorclaw/protocol";
import { firstAgentUid, ownUid, unboundedSwap } from "../port/engine-options.ts";
import { workspaceStatus } from "../sandbox/workspaces.ts";

/** The part of the engine's self-description that matters here. */
export interface DockerInfo {
  readonly OSType: string;
  readonly ServerVersion: string;
  readonly DockerRootDir: string;
  readonly SecurityOptions?: readonly string[];
  readonly MemoryLimit: boolean;
  readonly SwapLimit?: boolean;
  readonly PidsLimit?: boolean;
  readonly CpuCfsQuota: boolean;
  /** Only Podman, which serves Docker's API, has this field. */
  readonly BuildahVersion?: string;
  readonly Runtimes?: Readonly<Record<string, unknown>>;
}

/** An agent's uid on the host, and in its container. */
export interface AgentUid {
  readonly host: number;
  readonly container: number;
}

const firstRemappedUid = 60_000;

/** @throws BridgeError ENGINE_UNAVAILABLE for an engine that cannot run agents as it must, RUNTIME_UNKNOWN */
export function checkDocker(info: DockerInfo, runtime: string | undefined): void {
  const problem = problemOf(info);
  if (problem !== undefined)
    throw new BridgeError("ENGINE_UNAVAILABLE", `This Docker engine cannot run agents: ${problem}`);
  // The names of shims, such as io.containerd.kata.v2, and paths need not be registered.
  if (runtime === undefined || /[./]/.test(runtime) || info.Runtimes === undefined || runtime in info.Runtimes) return;
  const known = Object.keys(info.Runtimes).join(", ");
  throw new BridgeError("RUNTIME_UNKNOWN", `Docker knows no runtime ${runtime}; it knows ${known}`);
}

function problemOf(info: DockerInfo): string | undefined {
  if (info.OSType !== "linux") return `its containers are ${info.OSType} containers, not Linux containers`;
  if (has(info, "rootless")) return "it runs rootless, where agents' user ids cannot own their sockets";
  if (!has(info, "seccomp")) return "it supports no system call filter";
  if (has(info, "userns") && ownUid() !== 0) return "it remaps user ids, which needs a bridge that runs as root";
  return undefined;
}

/** A bridge that is not root cannot change the owner of a socket, so its agents run as its own uid. */
export function dockerUid(info: DockerInfo, slot: number): AgentUid {
  const own = ownUid();
  if (own !== 0) return { host: own ?? 0, container: own ?? 0 };
  if (!has(info, "userns")) return { host: firstAgentUid + slot, container: firstAgentUid + slot };
  // A remapped engine keeps its data in a directory named after the first uid and gid that it maps to.
  const offset = Number(/\/(\d+)\.\d+$/.exec(info.DockerRootDir)?.[1] ?? 0);
  return { host: offset + firstRemappedUid + slot, container: firstRemappedUid + slot };
}

export function dockerStatus(info: DockerInfo, runtime: string | undefined): EngineStatus {
  const limits = { memory: info.MemoryLimit, processes: info.PidsLimit !== false, "processor time": info.CpuCfsQuota };
  const named = (set: boolean) =>
    Object.entries(limits)
      .filter(([, is]) => is === set)
      .map(([name]) => name)
      .join(", ");
  const isRoot = ownUid() === 0;
  return {
    kind: "docker",
    version: `${isPodman(info) ? "Podman" : "Docker"} ${info.ServerVersion}${runtime === undefined ? "" : ` with ${runtime}`}`,
    isolation: "container",
    protections: [
      "no network at all: only the agent's own socket to the bridge",
      "a read-only image with Node and the agent and no other program",
      "its own process list, host name and shared memory",
      "no capabilities, no new privileges, and a system call filter that allows no child process",
      "no core files, no message queues, and a bound on open files",
      `a /tmp of bounded size${isPodman(info) ? "" : " and number of files"} that runs no programs`,
      ...(isRoot ? ["a user id of its own for each agent"] : []),
      ...workspaceStatus.protections,
      ...(has(info, "userns") ? ["user ids that mean nothing on the host"] : []),
      ...(named(true) === "" ? [] : [`limits by cgroup: ${named(true)}`]),
    ],
    missing: [
      ...workspaceStatus.missing,
      ...(isRoot ? [] : ["a user id of its own for each agent: the bridge does not run as root"]),
      ...(isPodman(info) ? ["a bound on the number of files in /tmp: Podman takes none"] : []),
      ...(info.SwapLimit === false ? [unboundedSwap] : []),
      ...(named(false) === "" ? [] : [`limits by cgroup on ${named(false)}: the engine's kernel does not offer them`]),
    ],
  };
}

export const isPodman = (info: DockerInfo): boolean => info.BuildahVersion !== undefined;

const has = (info: DockerInfo, option: string): boolean =>
  (info.SecurityOptions ?? []).some((entry) => entry.split(",").includes(`name=${option}`));
