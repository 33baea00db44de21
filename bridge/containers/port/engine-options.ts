import type { Logger } from "../../logging/index.ts";
import type { Clock } from "../../platform/clock.ts";
import type { NativeCalls } from "../../platform/os/peer-credentials.ts";
import type { EngineKind } from "./engine.ts";

/** The launcher that prepares a sandbox's process: by system calls from Perl, or by util-linux's programs. */
export type Launcher = "perl" | "util-linux";

export interface EngineOptions {
  readonly choice: "auto" | EngineKind;
  /** The engine on which agents of an earlier bridge may still run. */
  readonly holding?: EngineKind | undefined;
  /** The operator accepts agents with grants on the `process` engine. */
  readonly allowUnsandboxed: boolean;
  /** The id of this install, which labels its containers. */
  readonly installId: string;
  readonly stateDirectory: string;
  readonly runtimeDirectory: string;
  /** The engine's address as in DOCKER_HOST: `unix://`, `npipe://` or `tcp://`. The default is the platform's socket. */
  readonly dockerHost?: string | undefined;
  /** The agent's one-file ESM bundle. */
  readonly agentBundle: string;
  readonly nodeBinary: string;
  /** Another OCI runtime that the Docker engine knows, e.g. `runsc`. */
  readonly runtime?: string | undefined;
  /** The launcher of sandboxes. The default is the host's best one. */
  readonly launcher?: Launcher;
  /** Creates pipes that a later bridge can continue to read; without them the output of adopted sandboxes is lost. */
  readonly native?: Pick<NativeCalls, "pipe"> | undefined;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** The first user id of agents, which get one each. It is above the ids that distributions assign to people and services. */
export const firstAgentUid = 300_000;

/** Null on a platform without user ids. */
export const ownUid = (): number | null => process.getuid?.() ?? null;

/** V8 does not know a container's memory limit; 60 % leaves room for buffers and threads, so that V8 reaches its limit before the kernel's. */
export const heapLimitMiB = (memoryBytes: number): number =>
  Math.max(16, Math.floor((memoryBytes * 0.6) / (1024 * 1024)));

/** The limit of open files per agent: one socket, and the files that Node itself needs. */
export const openFilesMax = 256;

/** The limit of files in an agent's /tmp: each file uses kernel memory, however small it is. */
export const tmpFilesMax = 4096;

export const unboundedSwap =
  "a bound on swap: this kernel does not account for it (add swapaccount=1 to its command line), so an agent may use swap beyond its memory limit";

export const messageOf = (error: unknown): string => {
  const { message } = Object(error) as { message?: unknown };
  return typeof message === "string" ? message : String(error);
};
