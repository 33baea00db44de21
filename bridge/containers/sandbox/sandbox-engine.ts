import type { ChildProcess } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { BridgeError, ContainerId, type EngineStatus } from "@armorclaw/protocol";
import { prepareRootfs, removeOldRootfs } from "../agent-image/rootfs.ts";
import { collectRuntimeFiles } from "../agent-image/runtime-files.ts";
import { speechMounts } from "../agent-image/speech-programs.ts";
import { ownFilters, type Promised } from "../attestation/attest.ts";
import { thaw } from "../kernel/freezer.ts";
import { sharesContainer } from "../kernel/proc.ts";
import type { ContainerRecord, ContainerSpec, Engine } from "../port/engine.ts";
import {
  type EngineOptions,
  firstAgentUid,
  heapLimitMiB,
  type Launcher,
  openFilesMax,
  ownUid,
  tmpFilesMax,
} from "../port/engine-options.ts";
import { ChildContainer } from "../process/child-container.ts";
import { endProcess } from "../process/end-process.ts";
import { startedBy } from "../process/init.ts";
import { AgentOutput } from "../process/output.ts";
import { reopenPipe } from "../process/pipes.ts";
import { endOfAdopted, endOfChild, type ProcessEnd } from "../process/process-end.ts";
import { isRunning, ProcessRecords } from "../process/records.ts";
import { Removals } from "../process/removals.ts";
import { compileSeccomp } from "../seccomp/bpf.ts";
import { loopProfile, programsProfile } from "../seccomp/seccomp.ts";
import { agentPid, launcherOfHost, startBubblewrap, startFailure } from "./bubblewrap.ts";
import type { Cgroup, CgroupTree } from "./cgroup.ts";
import { openCgroupTree } from "./cgroup-tree.ts";
import type { SandboxPlan } from "./sandbox-plan.ts";
import { probeSandbox } from "./sandbox-probe.ts";

/** A launcher needs a few milliseconds. One that takes longer than this waits for something that will not happen. */
const startTimeoutMs = 10_000;

const sandboxNamespaces = ["net", "pid", "mnt", "ipc", "uts", "user"] as const;

/** Runs agents under bubblewrap with a system call filter of our own. Where there are cgroups, containers outlive the bridge. */
export class SandboxEngine implements Engine {
  readonly kind = "sandbox";
  readonly #options: EngineOptions;
  readonly #directory: string;
  readonly #records: ProcessRecords;
  readonly #cgroups: CgroupTree;
  readonly #uid = ownUid() ?? 0;
  readonly #filter: Buffer;
  readonly #launcher: Launcher;
  readonly #removals = new Removals();
  /** Containers that have a cgroup but no record yet. */
  readonly #starting = new Set<string>();
  #rootfs: string | undefined;
  #status: EngineStatus | undefined;

  private constructor(options: EngineOptions, filter: Buffer) {
    this.#options = options;
    this.#filter = filter;
    this.#launcher = options.launcher ?? launcherOfHost();
    this.#directory = join(options.runtimeDirectory, "sandbox");
    this.#records = new ProcessRecords(this.#directory, options.installId);
    this.#cgroups = openCgroupTree({ installId: options.installId, clock: options.clock, isRoot: this.#isRoot });
  }

  /** Starts one sandbox to prove that sandboxes work here. @throws BridgeError ENGINE_UNAVAILABLE */
  static async open(options: EngineOptions): Promise<SandboxEngine> {
    const filter = process.platform === "linux" ? compileSeccomp(loopProfile, process.arch) : undefined;
    if (filter === undefined)
      throw new BridgeError(
        "ENGINE_UNAVAILABLE",
        `Sandboxes need Linux on x86-64 or arm64; this is ${process.platform}`,
      );
    const engine = new SandboxEngine(options, filter);
    mkdirSync(engine.#directory, { recursive: true, mode: 0o700 });
    await engine.prepare((message) => options.logger.info({}, message));
    engine.#status = await probeSandbox({
      isRoot: engine.#isRoot,
      controllers: engine.#cgroups.controllers,
      boundsSwap: engine.#cgroups.boundsSwap,
      directory: engine.#directory,
      start: (spec, command) => engine.#launch(spec, command, AbortSignal.timeout(startTimeoutMs)),
    });
    return engine;
  }

  get #isRoot(): boolean {
    return this.#uid === 0;
  }

  get status(): EngineStatus {
    if (this.#status === undefined) throw new Error("The sandbox has not been probed");
    return this.#status;
  }

  uidForSlot(slot: number): number {
    return this.#isRoot ? firstAgentUid + slot : this.#uid;
  }

  async prepare(onProgress: (message: string) => void): Promise<void> {
    const { nodeBinary, agentBundle, stateDirectory } = this.#options;
    const parent = join(stateDirectory, "rootfs");
    mkdirSync(parent, { recursive: true, mode: 0o755 });
    this.#rootfs = prepareRootfs(parent, collectRuntimeFiles(nodeBinary, agentBundle), onProgress);
    if (!this.#records.list().some(isRunning)) removeOldRootfs(parent, this.#rootfs);
  }

  start(spec: ContainerSpec, signal: AbortSignal): Promise<ChildContainer> {
    const heap = `--max-old-space-size=${heapLimitMiB(spec.limits.memory_bytes)}`;
    return this.#launch(spec, [heap, "/app/agent.mjs"], signal);
  }

  async adopt(spec: ContainerSpec, id: ContainerId, signal: AbortSignal): Promise<ChildContainer | undefined> {
    signal.throwIfAborted();
    const record = this.#records.list().find(({ container_id }) => container_id === id);
    if (record === undefined || !isRunning(record) || !this.#outlives) return undefined;
    const { pid } = record;
    const cgroup = this.#cgroups.open(id);
    const output = new AgentOutput();
    for (const [fd, stream] of [
      ["1", "stdout"],
      ["2", "stderr"],
    ] as const) {
      const reader = reopenPipe(`/proc/${pid}/fd/${fd}`);
      if (reader !== undefined) output.read(reader, stream);
    }
    const end = endOfAdopted(pid, this.#statusFile(id), output, this.#options.clock);
    return this.#container({ id, spec, pid, cgroup, output, end, failure: () => ({}) });
  }

  /** A cgroup without a record was left by a bridge that was killed before it wrote the record. */
  async list(): Promise<readonly ContainerRecord[]> {
    const records = this.#records.list();
    const known = new Set<string>(records.map(({ container_id }) => container_id));
    const unrecorded = this.#cgroups.names().filter((name) => !known.has(name) && !this.#starting.has(name));
    return [
      ...records.map((record) => ({
        id: record.container_id,
        agentId: record.agent_id,
        epoch: record.epoch,
        running: isRunning(record),
      })),
      ...unrecorded.map((name) => {
        const [, agentId = "", epoch = "0"] = /^(.*)\.(\d+)$/.exec(name) ?? [];
        return { id: ContainerId.parse(name), agentId, epoch: Number(epoch), running: true };
      }),
    ];
  }

  async remove(id: ContainerId, signal: AbortSignal): Promise<void> {
    const record = this.#records.list().find(({ container_id }) => container_id === id);
    const cgroup = this.#cgroups.open(id);
    if (record !== undefined) {
      if (isRunning(record)) thaw(record.pid);
      await endProcess(record, this.#options.clock, signal);
    }
    if (record !== undefined || this.#cgroups.names().includes(id)) await this.#release(id, cgroup);
  }

  async ping(): Promise<void> {}

  async close(): Promise<void> {
    await this.#removals.settled();
    this.#cgroups.close();
  }

  async #launch(spec: ContainerSpec, command: readonly string[], signal: AbortSignal): Promise<ChildContainer> {
    signal.throwIfAborted();
    const id = ContainerId.parse(`${spec.agentId}.${spec.epoch}`);
    this.#starting.add(id);
    const cgroup = this.#cgroups.create(id, spec.limits);
    const output = new AgentOutput();
    try {
      const plan = this.#plan(spec, command, cgroup);
      const child = this.#spawn(id, plan, output);
      const end = endOfChild(child, output);
      const first = await agentPid(child, output, AbortSignal.any([signal, AbortSignal.timeout(startTimeoutMs)]));
      const pid = plan.programs.length > 0 ? await startedBy(first, this.#options.clock) : first;
      this.#records.write({ container_id: id, agent_id: spec.agentId, epoch: spec.epoch, pid });
      return this.#container({ id, spec, pid, cgroup, output, end, failure: () => startFailure(child, output) });
    } catch (error) {
      await cgroup.remove();
      throw error;
    } finally {
      this.#starting.delete(id);
    }
  }

  #plan(spec: ContainerSpec, command: readonly string[], cgroup: Cgroup): SandboxPlan {
    if (this.#rootfs === undefined) throw new Error("The sandbox's file system has not been prepared");
    return {
      uid: this.uidForSlot(spec.slot),
      rootfs: this.#rootfs,
      programs: spec.grants.includes("speech.programs") ? speechMounts() : [],
      endpointDirectory: spec.endpointDirectory,
      workspaceDirectory: spec.workspace?.source?.directory,
      tmpBytes: spec.limits.tmp_bytes,
      joinFiles: cgroup.joinFiles,
      command,
      outlives: this.#outlives,
      asRoot: this.#isRoot,
    };
  }

  /** Without cgroups, a later bridge could not find all that this one started. There, agents end with their bridge. */
  get #outlives(): boolean {
    return this.#cgroups.controllers.length > 0;
  }

  #spawn(id: string, plan: SandboxPlan, output: AgentOutput): ChildProcess {
    const filter = plan.programs.length > 0 ? compileSeccomp(programsProfile, process.arch) : this.#filter;
    return startBubblewrap({
      plan,
      launcher: this.#launcher,
      filter: filter ?? this.#filter,
      statusFile: this.#statusFile(id),
      output,
      native: this.#options.native,
    });
  }

  #container(parts: {
    readonly id: ContainerId;
    readonly spec: ContainerSpec;
    readonly pid: number;
    readonly cgroup: Cgroup;
    readonly output: AgentOutput;
    readonly end: ProcessEnd;
    readonly failure: () => { startFailure?: string };
  }): ChildContainer {
    const { id, spec, cgroup, failure } = parts;
    return new ChildContainer({
      ...parts,
      promised: this.#promised(spec),
      accounted: cgroup.joinFiles.length > 0,
      clock: this.#options.clock,
      holds: (pid) => sharesContainer(pid, parts.pid),
      explain: () => ({ oomKilled: cgroup.oomKilled(), ...failure() }),
      release: () =>
        this.#removals.add(this.#release(id, cgroup), (error) =>
          this.#options.logger.warn(
            { error, container: id },
            "The cgroup and the files of an ended sandbox could not be removed",
          ),
        ),
    });
  }

  async #release(id: ContainerId, cgroup: Cgroup): Promise<void> {
    await cgroup.remove();
    this.#records.delete(id);
    rmSync(this.#statusFile(id), { force: true });
  }

  #statusFile(id: string): string {
    return join(this.#directory, `${id}.status`);
  }

  #promised({ slot, limits, workspace }: ContainerSpec): Promised {
    const { controllers } = this.#cgroups;
    return {
      isolation: "sandbox",
      uid: this.uidForSlot(slot),
      namespaces: sandboxNamespaces,
      locked: true,
      inheritedFilters: ownFilters(),
      openFiles: openFilesMax,
      workspaceBytes: workspace?.sizeBytes,
      ...(this.#isRoot ? { tmp: { bytes: limits.tmp_bytes, files: tmpFilesMax } } : {}),
      ...(controllers.includes("memory") ? { memoryBytes: limits.memory_bytes } : {}),
      ...(controllers.includes("pids") ? { pids: limits.pids } : {}),
    };
  }
}
