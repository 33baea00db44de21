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

/** A directory of the agent's own that outlives its containers, as it is mounted while one starts. */
export interface Workspace {
  readonly sizeBytes: number;
  /** Where it is mounted for a start; a container that is taken over has it already. */
  readonly source?: WorkspaceSource | undefined;
}

export interface WorkspaceSource {
  /** Where the host sees it. */
  readonly directory: string;
  /** The block device that holds it: an engine of another mount namespace mounts this itself. */
  readonly device: string;
}

/** What is the same for all containers of one agent. */
export interface ContainerBase {
  readonly agentId: AgentId;
  readonly loop: LoopName;
  /** The agent's number among those running; its uid follows from it. */
  readonly slot: number;
  readonly limits: AgentLimits;
  /** A loop without grants may run on the `process` engine when `auto` found nothing better. */
  readonly grants: readonly Grant[];
}

/** What may be said about a container. A closed type: no engine option passes through it. */
export interface ContainerSpec extends ContainerBase {
  /** Counts the starts of this agent. */
  readonly epoch: number;
  /** The host directory that holds the agent's socket `agent.sock`. Mounted read-only as the agent's /run/bridge. */
  readonly endpointDirectory: string;
  /** The agent sees it as /workspace. */
  readonly workspace?: Workspace | undefined;
}

/** What the kernel says about a running container, read back after its start. */
export interface Attestation {
  readonly isolation: Isolation;
  /** In words, what was asked for and is not so. Empty when all is as asked. */
  readonly missing: readonly string[];
  readonly facts: Readonly<Record<string, string | number | boolean | null>>;
}

export interface Usage {
  /** Without reclaimable cache. */
  readonly memoryBytes: number;
  /** Processor time since the container's start. */
  readonly cpuNs: number;
  readonly pids: number;
  /** What its calls have read and written, its socket included; null when the host does not say. */
  readonly ioReadBytes: number | null;
  readonly ioWriteBytes: number | null;
}

export interface OutputLine {
  readonly stream: "stdout" | "stderr";
  readonly line: string;
  /** The engine's own time of it, where it keeps a log: RFC 3339, to the nanosecond. */
  readonly at?: string;
  /** Written while no bridge ran, and read back from the engine's log. */
  readonly wasMissed?: boolean;
}

/** Of each stream, `at` of the last line that was kept. */
export type LastSeen = { readonly [Stream in OutputLine["stream"]]?: string | undefined };

/** One started container. Whoever got it from `start` owns it. */
export interface Container {
  readonly id: ContainerId;
  readonly name: string;
  /** The agent's own process as the host numbers it; null where the engine cannot tell. */
  readonly pid: number | null;
  /** Settles at the first sign that the agent's process is gone, often before `exited` can tell how it ended. */
  readonly gone: Promise<void>;
  /** Settles once, when the container has ended. What it leaves is removed soon after. Never rejects. */
  readonly exited: Promise<ExitInfo>;
  /** There is reason to think that it has ended, such as a closed connection: looks at once rather than in time. */
  look(): void;
  /**
   * Calls `onLine` for each line that the agent writes, from its start. At most one listener. Lines over 16 KiB are cut.
   * @param after of a container that was taken over: up to where its output is known. What the engine kept since comes first.
   */
  output(onLine: (line: OutputLine) => void, after?: LastSeen): void;
  /** SIGTERM, then SIGKILL after `graceMs`. Resolves when it has ended. Idempotent. */
  stop(graceMs: number): Promise<void>;
  /** SIGKILL. Resolves when it has ended. Idempotent. */
  kill(): Promise<void>;
  /** Freezes all its processes where they stand. Resolves when they are frozen. */
  pause(): Promise<void>;
  /** Lets them go on. Resuming what is not frozen does nothing. */
  resume(): Promise<void>;
  /** Whether this process of the host is in the container; null when the host cannot tell. */
  holds(pid: number): boolean | null;
  /** Null when the host cannot tell. */
  usage(): Promise<Usage | null>;
  /** Rejects with AGENT_START_FAILED when it has ended. */
  attest(): Promise<Attestation>;
}

/** A container of this install as the engine lists it, whichever bridge process started it. */
export interface ContainerRecord {
  readonly id: ContainerId;
  readonly agentId: string;
  readonly epoch: number;
  readonly running: boolean;
}

/** What runs agents' containers. Errors are BridgeErrors: ENGINE_UNAVAILABLE, AGENT_START_FAILED, IMAGE_BUILD_FAILED. */
export interface Engine {
  readonly kind: EngineKind;
  /** As probed on this machine, in words that a person understands. */
  readonly status: EngineStatus;
  /** The uid that an agent in this slot runs as, which must own its socket. */
  uidForSlot(slot: number): number;
  /** Makes the image or root file system ready. Idempotent; `onProgress` gets a sentence per step that takes time. */
  prepare(onProgress: (message: string) => void): Promise<void>;
  /** Resolves when the container's process runs; the agent's hello comes later, over its own socket. */
  start(spec: ContainerSpec, signal: AbortSignal): Promise<Container>;
  /**
   * Takes over a container that an earlier bridge started, without touching what runs in it.
   * @returns undefined when it has ended, or when this engine's containers cannot outlive their bridge
   */
  adopt(spec: ContainerSpec, id: ContainerId, signal: AbortSignal): Promise<Container | undefined>;
  /** All containers of this install, found by label. */
  list(signal: AbortSignal): Promise<readonly ContainerRecord[]>;
  /** Kills and removes a container of this install. Removing one that is gone succeeds. */
  remove(id: ContainerId, signal: AbortSignal): Promise<void>;
  /** Rejects with ENGINE_UNAVAILABLE when the engine does not answer. */
  ping(signal: AbortSignal): Promise<void>;
  /** Releases what the engine holds, once what ended containers left is removed. Does not stop containers. */
  close(): Promise<void>;
}
