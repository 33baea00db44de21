import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { type AgentLimits, BridgeError, ContainerId, type EngineStatus } from "@armorclaw/protocol";
import type { Promised } from "./attest.ts";
import { compileSeccomp } from "./bpf.ts";
import { type Cgroup, type CgroupTree, openCgroupTree } from "./cgroup.ts";
import { ChildContainer } from "./child-container.ts";
import { endProcess } from "./end-process.ts";
import type { ContainerRecord, ContainerSpec, Engine } from "./engine.ts";
import { type EngineOptions, firstAgentUid, heapLimitMiB, messageOf, ownUid } from "./engine-options.ts";
import { AgentOutput } from "./output.ts";
import { isRunning, ProcessRecords } from "./records.ts";
import { prepareRootfs, removeOldRootfs } from "./rootfs.ts";
import { collectRuntimeFiles } from "./runtime-files.ts";
import {
  anonymousFile,
  bubblewrapOptions,
  closeAll,
  launcher,
  launcherEnvironment,
  launcherMounts,
  type SandboxPlan,
} from "./sandbox-launch.ts";
import { sandboxStatus } from "./sandbox-status.ts";
import { loopProfile } from "./seccomp.ts";

/** A launcher needs a few milliseconds; one that takes longer than this waits for something that will not come. */
const startTimeoutMs = 10_000;

export const sandboxNamespaces = ["net", "pid", "mnt", "ipc", "uts", "user"] as const;

/** Runs agents under bubblewrap with our system call filter. Its containers end with the bridge. */
export class SandboxEngine implements Engine {
  readonly kind = "sandbox";
  readonly #options: EngineOptions;
  readonly #directory: string;
  readonly #records: ProcessRecords;
  readonly #cgroups: CgroupTree;
  readonly #uid = ownUid() ?? 0;
  readonly #filter: Buffer;
  #rootfs: string | undefined;
  #status: EngineStatus | undefined;

  private constructor(options: EngineOptions, filter: Buffer) {
    this.#options = options;
    this.#filter = filter;
    this.#directory = join(options.runtimeDirectory, "sandbox");
    this.#records = new ProcessRecords(this.#directory, options.installId);
    this.#cgroups = openCgroupTree({ installId: options.installId, clock: options.clock, isRoot: this.#isRoot });
  }

  /** Proves by a real start that sandboxes work here. @throws BridgeError ENGINE_UNAVAILABLE */
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
    engine.#status = await sandboxStatus({
      isRoot: engine.#isRoot,
      controllers: engine.#cgroups.controllers,
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

  async list(): Promise<readonly ContainerRecord[]> {
    return this.#records.list().map((record) => ({
      id: record.container_id,
      agentId: record.agent_id,
      epoch: record.epoch,
      running: isRunning(record),
    }));
  }

  async remove(id: ContainerId, signal: AbortSignal): Promise<void> {
    const record = this.#records.list().find(({ container_id }) => container_id === id);
    if (record === undefined) return;
    await endProcess(record, this.#options.clock, signal);
    await this.#cgroups.open(id).remove();
    this.#records.delete(id);
  }

  async ping(): Promise<void> {}

  async close(): Promise<void> {
    this.#cgroups.close();
  }

  async #launch(spec: ContainerSpec, command: readonly string[], signal: AbortSignal): Promise<ChildContainer> {
    signal.throwIfAborted();
    const id = ContainerId.parse(`${spec.agentId}.${spec.epoch}`);
    const cgroup = this.#cgroups.create(id, spec.limits);
    const output = new AgentOutput();
    try {
      const child = this.#spawn(id, this.#plan(spec, command, cgroup), output);
      const pid = await agentPid(child, output, AbortSignal.any([signal, AbortSignal.timeout(startTimeoutMs)]));
      this.#records.write({ container_id: id, agent_id: spec.agentId, epoch: spec.epoch, pid });
      return this.#container(id, spec, child, pid, cgroup, output);
    } catch (error) {
      await cgroup.remove();
      throw error;
    }
  }

  #plan(spec: ContainerSpec, command: readonly string[], cgroup: Cgroup): SandboxPlan {
    if (this.#rootfs === undefined) throw new Error("The sandbox's file system has not been prepared");
    return {
      uid: this.uidForSlot(spec.slot),
      rootfs: this.#rootfs,
      endpointDirectory: spec.endpointDirectory,
      tmpBytes: spec.limits.tmp_bytes,
      procsFiles: cgroup.procsFiles,
      command,
      asRoot: this.#isRoot,
    };
  }

  #spawn(id: string, plan: SandboxPlan, output: AgentOutput): ChildProcess {
    const open = (name: string, content: string | Buffer) => anonymousFile(this.#directory, `${id}.${name}`, content);
    const args = open("args", bubblewrapOptions(plan));
    const seccomp = open("seccomp", this.#filter);
    const mounts = open("mounts", launcherMounts(plan));
    const [program, programArgs] = launcher(plan);
    try {
      const child = spawn(program, programArgs, {
        cwd: "/",
        env: launcherEnvironment,
        stdio: ["ignore", "pipe", "pipe", args, "pipe", seccomp, plan.asRoot ? mounts : "ignore"],
      });
      if (child.stdout !== null) output.read(child.stdout, "stdout");
      if (child.stderr !== null) output.read(child.stderr, "stderr");
      return child;
    } finally {
      closeAll([args, seccomp, mounts]);
    }
  }

  #container(
    id: ContainerId,
    spec: ContainerSpec,
    child: ChildProcess,
    pid: number,
    cgroup: Cgroup,
    output: AgentOutput,
  ) {
    return new ChildContainer({
      id,
      child,
      pid,
      output,
      promised: this.#promised(spec.slot, spec.limits),
      accounted: cgroup.procsFiles.length > 0,
      clock: this.#options.clock,
      explain: () => ({ oomKilled: cgroup.oomKilled(), ...startFailure(child, output) }),
      release: async () => {
        await cgroup.remove();
        this.#records.delete(id);
      },
    });
  }

  #promised(slot: number, limits: AgentLimits): Promised {
    const { controllers } = this.#cgroups;
    return {
      isolation: "sandbox",
      uid: this.uidForSlot(slot),
      namespaces: sandboxNamespaces,
      locked: true,
      ...(controllers.includes("memory") ? { memoryBytes: limits.memory_bytes } : {}),
      ...(controllers.includes("pids") ? { pids: limits.pids } : {}),
    };
  }
}

/** Bubblewrap says on its status descriptor which process became the agent. */
function agentPid(child: ChildProcess, output: AgentOutput, signal: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    const status = child.stdio[4] as Readable;
    let text = "";
    const fail = (why: string, cause?: unknown) => {
      signal.removeEventListener("abort", onAbort);
      reject(new BridgeError("AGENT_START_FAILED", `The sandbox did not start: ${why}`, undefined, { cause }));
    };
    const onAbort = () => {
      child.kill("SIGKILL");
      fail(messageOf(signal.reason), signal.reason);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    child.once("error", (error) => fail(error.message, error));
    child.once("close", (code) => fail(output.lastLine?.line ?? `the launcher ended with exit code ${code}`));
    status.on("error", () => status.destroy());
    status.setEncoding("utf8").on("data", (part: string) => {
      if (text.length < 4096) text += part;
      const pid = /"child-pid": (\d+)/.exec(text)?.[1];
      if (pid === undefined) return;
      signal.removeEventListener("abort", onAbort);
      resolve(Number(pid));
    });
  });
}

/** Bubblewrap ends with 1 and a line of its own when it cannot set up what was asked for. */
function startFailure(child: ChildProcess, output: AgentOutput): { startFailure?: string } {
  const line = output.lastLine?.line ?? "";
  return child.exitCode === 1 && line.startsWith("bwrap: ") ? { startFailure: line } : {};
}
