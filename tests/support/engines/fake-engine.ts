import { type AgentId, BridgeError, type ContainerId, type ExitInfo } from "@armorclaw/protocol";
import type { Container, ContainerRecord, ContainerSpec, Engine } from "../../../bridge/containers/index.ts";

export const killed: ExitInfo = { code: 137, signal: "SIGKILL", reason: "killed", message: "It was killed by SIGKILL" };
export const completed: ExitInfo = { code: 0, signal: null, reason: "completed", message: "It ended by itself" };

/** An engine whose containers end when the test ends them. */
export class FakeEngine implements Engine {
  readonly kind = "sandbox";
  readonly status = {
    kind: "sandbox",
    version: "fake 1",
    isolation: "sandbox",
    protections: [],
    missing: [],
  } as const satisfies Engine["status"];
  readonly started: FakeContainer[] = [];
  readonly removed: string[] = [];
  leftovers: ContainerRecord[] = [];
  /** A function that each start calls before its container runs. */
  onStart: (spec: ContainerSpec, signal: AbortSignal) => Promise<void> = async () => undefined;
  /** The protections that the kernel does not confirm. */
  missing: readonly string[] = [];

  uidForSlot(slot: number): number {
    return 300_000 + slot;
  }

  async prepare(): Promise<void> {}

  async start(spec: ContainerSpec, signal: AbortSignal): Promise<Container> {
    await this.onStart(spec, signal);
    if (signal.aborted) throw new BridgeError("AGENT_START_FAILED", "The start was called off");
    const container = new FakeContainer(spec, this.missing);
    this.started.push(container);
    return container;
  }

  /** Containers of an earlier bridge that keep running, by their id. */
  readonly adoptable = new Map<string, FakeContainer>();

  async adopt(_spec: ContainerSpec, id: ContainerId): Promise<Container | undefined> {
    return this.adoptable.get(id);
  }

  async list(): Promise<readonly ContainerRecord[]> {
    return this.leftovers.filter(({ id }) => !this.removed.includes(id));
  }

  async remove(id: ContainerId): Promise<void> {
    this.removed.push(id);
  }

  /** The error of a ping. */
  outage: BridgeError | undefined;

  async ping(): Promise<void> {
    if (this.outage !== undefined) throw this.outage;
  }

  async close(): Promise<void> {}
}

export class FakeContainer implements Container {
  readonly id: ContainerId;
  readonly name: string;
  readonly pid = 4711;
  readonly agentId: AgentId;
  readonly gone: Promise<void>;
  readonly exited: Promise<ExitInfo>;
  isPaused = false;
  readonly end: (exit: ExitInfo) => void;
  readonly #missing: readonly string[];
  onLine: (line: { stream: "stdout" | "stderr"; line: string }) => void = () => undefined;

  constructor({ agentId, epoch }: Pick<ContainerSpec, "agentId" | "epoch">, missing: readonly string[] = []) {
    this.agentId = agentId;
    this.name = `${agentId}.${epoch}`;
    this.id = this.name as ContainerId;
    this.#missing = missing;
    const { promise, resolve } = Promise.withResolvers<ExitInfo>();
    this.exited = promise;
    this.gone = promise.then(() => undefined);
    this.end = resolve;
  }

  look(): void {}

  async pause(): Promise<void> {
    this.isPaused = true;
  }

  async resume(): Promise<void> {
    this.isPaused = false;
  }

  holds(): boolean | null {
    return null;
  }

  output(onLine: FakeContainer["onLine"]): void {
    this.onLine = onLine;
  }

  async stop(): Promise<void> {
    this.end(completed);
  }

  async kill(): Promise<void> {
    this.end(killed);
  }

  async usage() {
    return { memoryBytes: 1_000_000, cpuNs: 5_000_000, pids: 7, ioReadBytes: 10, ioWriteBytes: 20 };
  }

  async attest() {
    return { isolation: "sandbox", missing: this.#missing, facts: {} } as const;
  }
}
