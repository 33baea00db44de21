import type {
  AgentId,
  AgentLimits,
  ContainerId,
  EngineStatus,
  ExitInfo,
  Grant,
  Isolation,
  LoopName,
} from "@armorclaw/protocol";

export const engineKinds = ["docker", "sandbox", "process"] as const;
export type EngineKind = (typeof engineKinds)[number];

/** The agent's own directory, which outlives its containers, mounted while one of them starts. */
export interface Workspace {
  readonly sizeBytes: number;
  /** The mount for a start; an adopted container has it already. */
  readonly source?: WorkspaceSource | undefined;
}

export interface WorkspaceSource {
  /** The directory on the host. */
  readonly directory: string;
  /** The block device: an engine in another mount namespace mounts it itself. */
  readonly device: string;
}

/** The properties that all containers of one agent share. */
export interface ContainerBase {
  readonly agentId: AgentId;
  readonly loop: LoopName;
  /** The agent's number among the running agents, from which its uid follows. */
  readonly slot: number;
  readonly limits: AgentLimits;
  /** The loop's grants. A loop without grants may run on the `process` engine when `auto` found nothing better. */
  readonly grants: readonly Grant[];
}

/** The description of a container. It is a closed type, so no caller can pass engine options. */
export interface ContainerSpec extends ContainerBase {
  /** Counts the starts of this agent. */
  readonly epoch: number;
  /** The host directory that holds the agent's socket `agent.sock`. Mounted read-only as the agent's /run/bridge. */
  readonly endpointDirectory: string;
  /** The agent sees it as /workspace. */
  readonly workspace?: Workspace | undefined;
}

/** The kernel's facts about a running container, read back after its start. */
export interface Attestation {
  readonly isolation: Isolation;
  /** In words, which requested protections the kernel does not confirm. Empty when all are confirmed. */
  readonly missing: readonly string[];
  readonly facts: Readonly<Record<string, string | number | boolean | null>>;
}

export interface Usage {
  /** Memory in use, without reclaimable cache. */
  readonly memoryBytes: number;
  /** Processor time since the container's start. */
  readonly cpuNs: number;
  readonly pids: number;
  /** The bytes that its system calls have read and written, including its socket; null when the host does not show them. */
  readonly ioReadBytes: number | null;
  readonly ioWriteBytes: number | null;
}

export interface OutputLine {
  readonly stream: "stdout" | "stderr";
  readonly line: string;
  /** The engine's timestamp of the line, where the engine keeps a log: RFC 3339, to the nanosecond. */
  readonly at?: string;
  /** True when the line was written while no bridge ran, and was read back from the engine's log. */
  readonly wasMissed?: boolean;
}

/** For each stream, `at` of the last stored line. */
export type LastSeen = { readonly [Stream in OutputLine["stream"]]?: string | undefined };

/** One started container. The caller of `start` owns it. */
export interface Container {
  readonly id: ContainerId;
  readonly name: string;
  /** The host's pid of the agent's own process; null where the engine does not know it. */
  readonly pid: number | null;
  /** Settles at the first sign that the agent's process is gone, often before `exited` knows how it ended. */
  readonly gone: Promise<void>;
  /** Settles once, when the container has ended. Its remains are removed soon after. Never rejects. */
  readonly exited: Promise<ExitInfo>;
  /** Inspects the container at once. To be called when it may have ended, for example at a closed connection. */
  look(): void;
  /**
   * Calls `onLine` for each line that the agent writes, from its start. At most one listener. Lines over 16 KiB are cut.
   * @param after the position up to which the output of an adopted container is known. Later output from the engine's log comes first.
   */
  output(onLine: (line: OutputLine) => void, after?: LastSeen): void;
  /** SIGTERM, then SIGKILL after `graceMs`. Resolves when it has ended. Idempotent. */
  stop(graceMs: number): Promise<void>;
  /** SIGKILL. Resolves when it has ended. Idempotent. */
  kill(): Promise<void>;
  /** Freezes all its processes. Resolves when they are frozen. */
  pause(): Promise<void>;
  /** Resumes its processes. Does nothing when they are not frozen. */
  resume(): Promise<void>;
  /** Returns whether this process of the host is in the container; null when the host does not show it. */
  holds(pid: number): boolean | null;
  /** Null when the host does not show it. */
  usage(): Promise<Usage | null>;
  /** Rejects with AGENT_START_FAILED when it has ended. */
  attest(): Promise<Attestation>;
}

/** A container of this install in the engine's list, whichever bridge process started it. */
export interface ContainerRecord {
  readonly id: ContainerId;
  readonly agentId: string;
  readonly epoch: number;
  readonly running: boolean;
}

/** Runs agents' containers. Errors are BridgeErrors: ENGINE_UNAVAILABLE, AGENT_START_FAILED, IMAGE_BUILD_FAILED. */
export interface Engine {
  readonly kind: EngineKind;
  /** The isolation as probed on this machine, in words for people. */
  readonly status: EngineStatus;
  /** The uid that an agent in this slot runs as, which must own its socket. */
  uidForSlot(slot: number): number;
  /** Prepares the image or root file system. Idempotent; `onProgress` gets a sentence for each step that takes time. */
  prepare(onProgress: (message: string) => void): Promise<void>;
  /** Resolves when the container's process runs; the agent's hello comes later, over its own socket. */
  start(spec: ContainerSpec, signal: AbortSignal): Promise<Container>;
  /**
   * Adopts a container that an earlier bridge started, without touching its processes.
   * @returns undefined when it has ended, or when this engine's containers cannot outlive their bridge
   */
  adopt(spec: ContainerSpec, id: ContainerId, signal: AbortSignal): Promise<Container | undefined>;
  /** All containers of this install, found by label. */
  list(signal: AbortSignal): Promise<readonly ContainerRecord[]>;
  /** Kills and removes a container of this install. Removing one that is gone succeeds. */
  remove(id: ContainerId, signal: AbortSignal): Promise<void>;
  /** Rejects with ENGINE_UNAVAILABLE when the engine does not answer. */
  ping(signal: AbortSignal): Promise<void>;
  /** Releases the engine's resources, after the remains of ended containers are removed. Does not stop containers. */
  close(): Promise<void>;
}
