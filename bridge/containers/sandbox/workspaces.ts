import { execFile } from "node:child_process";
import { closeSync, existsSync, lstatSync, openSync, renameSync, rmSync, statSync, truncateSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { type AgentId, BridgeError, type EngineStatus } from "@armorclaw/protocol";
import { makeDirectory } from "../../platform/os/make-directory.ts";
import type { Workspace } from "../port/engine.ts";
import { messageOf, ownUid } from "../port/engine-options.ts";
import { launcherEnvironment } from "./bubblewrap.ts";

export interface WorkspaceFill {
  readonly usedBytes: number;
  readonly sizeBytes: number;
}

/** Returns how full the workspace of a running agent is, as its file system reports it. Undefined when it cannot be read. */
export async function workspaceFill(pid: number): Promise<WorkspaceFill | undefined> {
  try {
    const { blocks, bfree, bavail, bsize } = await statfs(`/proc/${pid}/root/workspace`);
    const used = blocks - bfree;
    // The file system's own reserve is subtracted, so that a full workspace is reported as full.
    return { usedBytes: used * bsize, sizeBytes: (used + bavail) * bsize };
  } catch {
    return undefined;
  }
}

/** The options of every workspace. */
export const workspaceOptions = "nosuid,nodev,noexec";

const commandTimeoutMs = 20_000;

/** A workspace that is mounted for the start of one container, which keeps it mounted. */
export interface MountedWorkspace extends Workspace, AsyncDisposable {}

/**
 * Manages agents' own directories, which outlive them: one ext4 image each, below the state directory, whose size the kernel
 * limits. It is mounted only while a container starts and for as long as that container runs; then the kernel releases
 * mount and device by itself, even when no bridge runs.
 */
export class Workspaces {
  readonly #directory: string;

  constructor(stateDirectory: string) {
    this.#directory = join(stateDirectory, "workspaces");
  }

  /**
   * Creates the agent's workspace if there is none, and mounts it. The caller disposes of it once the container has started.
   * @throws BridgeError AGENT_START_FAILED
   */
  async mount(agentId: AgentId, sizeBytes: number, uid: number, signal: AbortSignal): Promise<MountedWorkspace> {
    const run = runner(signal);
    const directory = join(this.#directory, `${agentId}.mount`);
    const unmount = () => runner(AbortSignal.timeout(commandTimeoutMs))("umount", ["-l", directory]);
    try {
      if (whyNoWorkspaces !== undefined) throw new Error(whyNoWorkspaces);
      this.#makeDirectories(directory);
      // A killed bridge may have left this mount.
      if (isMounted(directory)) await unmount();
      const image = this.#image(agentId);
      if (!existsSync(image)) await make(image, sizeBytes, uid, run);
      checkImage(image, sizeBytes);
      await run("mount", ["-n", "-t", "ext4", "-o", `loop,${workspaceOptions}`, image, directory]);
      try {
        // The agent's number, and so its uid, may have changed since. No other process sees the files meanwhile.
        if (statSync(directory).uid !== uid) await run("chown", ["-R", "-h", "-P", `${uid}:${uid}`, directory]);
        const device = await run("findmnt", ["-n", "-o", "SOURCE", "--mountpoint", directory]);
        return { sizeBytes, source: { directory, device }, [Symbol.asyncDispose]: async () => void (await unmount()) };
      } catch (error) {
        await unmount();
        throw error;
      }
    } catch (cause) {
      const message = `The workspace of ${agentId} cannot be used: ${messageOf(cause)}`;
      throw new BridgeError("AGENT_START_FAILED", message, undefined, { cause });
    }
  }

  /** Deletes the workspace; the agent must not run. Returns whether there was one. */
  remove(agentId: AgentId): boolean {
    const image = this.#image(agentId);
    const was = existsSync(image);
    rmSync(image, { force: true });
    return was;
  }

  #image(agentId: AgentId): string {
    return join(this.#directory, `${agentId}.ext4`);
  }

  #makeDirectories(directory: string): void {
    for (const path of [this.#directory, directory]) {
      makeDirectory(path, 0o700);
      if (!lstatSync(path).isDirectory()) throw new Error(`${path} is not a directory`);
    }
  }
}

/** Undefined where workspaces are available. */
const whyNoWorkspaces = ((): string | undefined => {
  if (process.platform !== "linux" || ownUid() !== 0) return "only a bridge that runs as root can bound them";
  if (!existsSync("/dev/loop-control")) return "this machine has no loop devices";
  const hasMaker = ["/usr/sbin", "/sbin", "/usr/bin"].some((place) => existsSync(join(place, "mkfs.ext4")));
  return hasMaker ? undefined : "there is no mkfs.ext4; install it with `apt-get install e2fsprogs`";
})();

/** The engine's description of workspaces. */
export const workspaceStatus: Pick<EngineStatus, "protections" | "missing"> =
  whyNoWorkspaces === undefined
    ? {
        protections: ["workspaces whose size the kernel limits (an ext4 image each) and that run no programs"],
        missing: [],
      }
    : { protections: [], missing: [`workspaces, and loops that ask for one do not start: ${whyNoWorkspaces}`] };

type Run = (program: string, args: readonly string[]) => Promise<string>;

function runner(signal: AbortSignal): Run {
  return async (program, args) => {
    const options = { env: launcherEnvironment, timeout: commandTimeoutMs, signal };
    return (await promisify(execFile)(program, args, options)).stdout.trim();
  };
}

/** The image is sparse: it uses disk space only for written data. It appears under its name only when it is complete. */
async function make(image: string, sizeBytes: number, uid: number, run: Run): Promise<void> {
  const building = `${image}.new`;
  rmSync(building, { force: true });
  closeSync(openSync(building, "wx", 0o600));
  truncateSync(building, sizeBytes);
  await run("mkfs.ext4", ["-q", "-F", "-m", "0", "-E", `root_owner=${uid}:${uid}`, building]);
  renameSync(building, image);
}

function checkImage(image: string, sizeBytes: number): void {
  const stat = lstatSync(image);
  if (!stat.isFile() || stat.uid !== ownUid()) throw new Error(`${image} is not a file of the bridge`);
  if (stat.size !== sizeBytes)
    throw new Error(
      `it has ${stat.size} bytes, but ${sizeBytes} are requested; request the old size, or remove it with \`armorclaw agent remove-workspace\``,
    );
}

const isMounted = (directory: string): boolean => statSync(directory).dev !== statSync(join(directory, "..")).dev;
