import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type AgentLimits, BridgeError, ContainerId, type EngineStatus } from "@armorclaw/protocol";
import { socketsAreFiles } from "../../platform/os/socket-path.ts";
import type { ContainerRecord, ContainerSpec, Engine } from "../port/engine.ts";
import { type EngineOptions, firstAgentUid, heapLimitMiB, ownUid } from "../port/engine-options.ts";
import { ChildContainer } from "./child-container.ts";
import { endProcess } from "./end-process.ts";
import { AgentOutput } from "./output.ts";
import { endOfChild } from "./process-end.ts";
import { isRunning, ProcessRecords } from "./records.ts";

/** The grants that a plain process may have: it can read the host's load anyway. */
const harmlessGrants: ReadonlySet<string> = new Set(["system.info"]);

/**
 * Runs an agent as a child of the bridge under Node's permission model, which is not a sandbox. It refuses agents that
 * have grants unless the operator accepts that.
 */
export class ProcessEngine implements Engine {
  readonly kind = "process";
  readonly status: EngineStatus;
  readonly #options: EngineOptions;
  readonly #records: ProcessRecords;
  readonly #ownUid = ownUid();

  /** @param whyNotBetter why `auto` found no sandbox */
  constructor(options: EngineOptions, whyNotBetter?: string) {
    this.#options = options;
    this.#records = new ProcessRecords(join(options.runtimeDirectory, "process"), options.installId);
    this.status = {
      kind: "process",
      version: `Node ${process.versions.node}`,
      isolation: "none",
      ...(socketsAreFiles
        ? this.#isolation(whyNotBetter)
        : { protections: [], missing: ["agents: none run on Windows"] }),
    };
  }

  #isolation(whyNotBetter: string | undefined): Pick<EngineStatus, "protections" | "missing"> {
    return {
      protections: [
        "Node's permission model: the agent's own code reads and writes no files and starts no programs",
        "a limit on V8's heap",
        ...(this.#dropsUser ? ["a user id of its own for each agent"] : []),
      ],
      missing: [
        `any sandbox: agents can use the network and see other processes${whyNotBetter === undefined ? "; install one with `apt-get install bubblewrap`" : `. ${whyNotBetter}`}`,
      ],
    };
  }

  get #dropsUser(): boolean {
    return this.#ownUid === 0 && process.platform === "linux";
  }

  uidForSlot(slot: number): number {
    return this.#dropsUser ? firstAgentUid + slot : (this.#ownUid ?? 0);
  }

  async prepare(): Promise<void> {}

  async start(spec: ContainerSpec, signal: AbortSignal): Promise<ChildContainer> {
    signal.throwIfAborted();
    const refused = spec.grants.filter((grant) => !harmlessGrants.has(grant));
    if (refused.length > 0 && !this.#options.allowUnsandboxed)
      throw new BridgeError(
        "ISOLATION_REFUSED",
        `${spec.agentId} has the grants ${refused.join(", ")} and may not run without a sandbox`,
        { grants: refused },
      );
    if (spec.workspace !== undefined)
      throw new BridgeError("ISOLATION_REFUSED", `${spec.agentId} needs a workspace, which requires a sandbox`);
    const bundle = this.#readBundle();
    const output = new AgentOutput();
    const child = this.#spawn(spec, output);
    const pid = await spawned(child);
    const id = ContainerId.parse(`${spec.agentId}.${spec.epoch}`);
    this.#records.write({ container_id: id, agent_id: spec.agentId, epoch: spec.epoch, pid });
    // The write fails only when the agent has ended, and then its end is reported.
    child.stdin?.on("error", () => child.stdin?.destroy()).end(bundle);
    return this.#container(id, spec, child, pid, output);
  }

  /** A plain process is not adopted by a later bridge. */
  async adopt(): Promise<undefined> {}

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
    this.#records.delete(id);
  }

  async ping(): Promise<void> {}

  async close(): Promise<void> {}

  #readBundle(): Buffer {
    try {
      return readFileSync(this.#options.agentBundle);
    } catch (cause) {
      const message = `The agent's bundle ${this.#options.agentBundle} cannot be read`;
      throw new BridgeError("IMAGE_BUILD_FAILED", message, undefined, { cause });
    }
  }

  /**
   * The agent's own uid may have no access to Node, the bundle and the socket by their paths, which may be under
   * directories that are closed to it. So it gets Node by descriptor, the bundle by its standard input, and the
   * socket relative to its working directory, all opened while the child is still the bridge's user.
   */
  #spawn(spec: ContainerSpec, output: AgentOutput): ChildProcess {
    const uid = this.uidForSlot(spec.slot);
    const args = ["--permission", ...speechRights(spec), heapOption(spec.limits), "--input-type=module", "-"];
    const base = {
      cwd: spec.endpointDirectory,
      env: {
        ARMORCLAW_AGENT_SOCKET: this.#dropsUser ? "agent.sock" : join(spec.endpointDirectory, "agent.sock"),
        HOME: "/tmp",
      },
    };
    if (!this.#dropsUser) return read(spawn(this.#options.nodeBinary, args, { ...base, stdio: "pipe" }), output);
    const node = openSync(this.#options.nodeBinary, "r");
    try {
      const stdio = ["pipe", "pipe", "pipe", node] as const;
      return read(spawn("/proc/self/fd/3", args, { ...base, stdio: [...stdio], uid, gid: uid }), output);
    } finally {
      closeSync(node);
    }
  }

  #container(id: ContainerId, spec: ContainerSpec, child: ChildProcess, pid: number, output: AgentOutput) {
    return new ChildContainer({
      id,
      end: endOfChild(child, output),
      pid,
      output,
      promised: { isolation: "none", uid: this.uidForSlot(spec.slot), namespaces: [], locked: false },
      accounted: false,
      clock: this.#options.clock,
      holds: (peer) => peer === pid,
      explain: () => ({}),
      release: () => this.#records.delete(id),
    });
  }
}

const heapOption = ({ memory_bytes }: AgentLimits): string => `--max-old-space-size=${heapLimitMiB(memory_bytes)}`;

function read(child: ChildProcess, output: AgentOutput): ChildProcess {
  if (child.stdout !== null) output.read(child.stdout, "stdout");
  if (child.stderr !== null) output.read(child.stderr, "stderr");
  return child;
}

function spawned(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once("spawn", () => resolve(child.pid ?? 0));
    child.once("error", (cause) =>
      reject(
        new BridgeError("AGENT_START_FAILED", `The process did not start: ${cause.message}`, undefined, { cause }),
      ),
    );
  });
}

/** The permissions of a loop that may run the host's speech programs. */
const speechRights = ({ grants }: ContainerSpec): string[] =>
  grants.includes("speech.programs") ? ["--allow-child-process", "--allow-fs-read=/tmp", "--allow-fs-write=/tmp"] : [];
