import type { Logger } from "../../logging/index.ts";
import type { Clock } from "../../platform/clock.ts";
import type { NativeCalls } from "../../platform/os/peer-credentials.ts";
import type { EngineKind } from "./engine.ts";

/** What prepares a sandbox's process: system calls from Perl, or util-linux's programs. */
export type Launcher = "perl" | "util-linux";

export interface EngineOptions {
  readonly choice: "auto" | EngineKind;
  /** The engine on which agents of an earlier bridge may still run. */
  readonly holding?: EngineKind | undefined;
  /** The operator accepts agents with grants on the `process` engine. */
  readonly allowUnsandboxed: boolean;
  /** Labels what this install starts. */
  readonly installId: string;
  readonly stateDirectory: string;
  readonly runtimeDirectory: string;
  /** As DOCKER_HOST has it: `unix://`, `npipe://` or `tcp://`. The platform's default socket when left out. */
  readonly dockerHost?: string | undefined;
  /** The agent's one-file ESM bundle. */
  readonly agentBundle: string;
  readonly nodeBinary: string;
  /** Another OCI runtime that the Docker engine knows, e.g. `runsc`. */
  readonly runtime?: string | undefined;
  /** How sandboxes are prepared. The host's best launcher when left out. */
  readonly launcher?: Launcher;
  /** Makes pipes that a later bridge can read on from; without it the output of adopted sandboxes is lost. */
  readonly native?: Pick<NativeCalls, "pipe"> | undefined;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** First of the user ids that agents get, one each. Above what distributions give to people and services. */
export const firstAgentUid = 300_000;

/** Null on a platform without user ids. */
export const ownUid = (): number | null => process.getuid?.() ?? null;

/** V8 does not see a container's memory limit; 60 % leaves room for buffers and threads, so that it gives up first. */
export const heapLimitMiB = (memoryBytes: number): number =>
  Math.max(16, Math.floor((memoryBytes * 0.6) / (1024 * 1024)));

/** Open files per agent: one socket, and what Node itself needs. */
export const openFilesMax = 256;

/** Files in an agent's /tmp: each costs the kernel memory, however small it is. */
export const tmpFilesMax = 4096;

export const unboundedSwap =
  "a bound on swap: this kernel does not account for it (swapaccount=1 on its command line), so what is over the memory limit may be swapped out";

export const messageOf = (error: unknown): string => {
  const { message } = Object(error) as { message?: unknown };
  return typeof message === "string" ? message : String(error);
};
