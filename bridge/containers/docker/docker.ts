import { join } from "node:path";
import { BridgeError, ContainerId, type EngineStatus } from "@armorclaw/protocol";
import type Docker from "dockerode";
import { collectRuntimeFiles } from "../agent-image/runtime-files.ts";
import { speechMounts } from "../agent-image/speech-programs.ts";
import type { Promised } from "../attestation/attest.ts";
import { readKernelFile } from "../kernel/proc.ts";
import type { ContainerRecord, ContainerSpec, Engine } from "../port/engine.ts";
import { type EngineOptions, openFilesMax, tmpFilesMax } from "../port/engine-options.ts";
import { startedBy } from "../process/init.ts";
import { Removals } from "../process/removals.ts";
import { connectDocker, dockerInfo, mayAnswer, pingDocker } from "./docker-client.ts";
import { DockerContainer } from "./docker-container.ts";
import { dockerUnavailable, statusOf, tolerate, translateDockerError } from "./docker-errors.ts";
import { DockerEvents } from "./docker-events.ts";
import { ensureImage } from "./docker-image.ts";
import { checkDocker, type DockerInfo, dockerStatus, dockerUid, isPodman } from "./docker-status.ts";
import { createBody, labels, writePodmanProfiles } from "./hardening.ts";

// A stopped engine refuses at once; a busy one takes seconds, and must not be considered stopped.
const openTimeoutMs = 5_000;
const pingTimeoutMs = 10_000;
const callTimeoutMs = 30_000;

/** Runs agents in hardened containers of a Docker engine. Its containers outlive the bridge. */
export class DockerEngine implements Engine {
  readonly kind = "docker";
  readonly status: EngineStatus;
  readonly #docker: Docker;
  readonly #info: DockerInfo;
  readonly #options: EngineOptions;
  readonly #closing = new AbortController();
  readonly #events: DockerEvents;
  readonly #removals = new Removals();
  #imageId: string | undefined;

  private constructor(options: EngineOptions, docker: Docker, info: DockerInfo) {
    this.#options = options;
    this.#docker = docker;
    this.#info = info;
    this.#events = new DockerEvents(docker, options.installId, options.clock, this.#closing.signal);
    this.status = dockerStatus(info, options.runtime);
  }

  /** @throws BridgeError ENGINE_UNAVAILABLE, RUNTIME_UNKNOWN */
  static async open(options: EngineOptions): Promise<DockerEngine> {
    if (!mayAnswer(options.dockerHost))
      throw new BridgeError("ENGINE_UNAVAILABLE", "No Docker engine answers: there is no socket");
    const docker = await connectDocker(options.dockerHost);
    const info = await dockerInfo(docker, AbortSignal.timeout(openTimeoutMs)).catch((error: unknown) => {
      throw dockerUnavailable(error);
    });
    checkDocker(info, options.runtime);
    return new DockerEngine(options, docker, info);
  }

  get #podmanProfiles(): string | undefined {
    return isPodman(this.#info) ? join(this.#options.stateDirectory, "seccomp") : undefined;
  }

  uidForSlot(slot: number): number {
    return dockerUid(this.#info, slot).host;
  }

  async prepare(onProgress: (message: string) => void): Promise<void> {
    const { nodeBinary, agentBundle, stateDirectory } = this.#options;
    if (this.#podmanProfiles !== undefined) writePodmanProfiles(this.#podmanProfiles, process.arch);
    const files = collectRuntimeFiles(nodeBinary, agentBundle);
    this.#imageId = await ensureImage(this.#docker, files, stateDirectory, onProgress);
  }

  async start(spec: ContainerSpec, signal: AbortSignal): Promise<DockerContainer> {
    const body = this.#body(spec);
    try {
      const container = await this.#create(body, signal);
      await tolerate([304], container.start({ abortSignal: limit(signal) }));
      return await this.#watched(spec, container, await container.inspect({ abortSignal: limit(signal) }), false);
    } catch (error) {
      // A call that times out still runs in the engine, so the container that it may have created is removed by its name.
      await this.#removeQuietly(body.name);
      throw translateDockerError(error, "AGENT_START_FAILED");
    }
  }

  async adopt(spec: ContainerSpec, id: ContainerId, signal: AbortSignal): Promise<DockerContainer | undefined> {
    const container = this.#docker.getContainer(id);
    try {
      const said = await container.inspect({ abortSignal: limit(signal) });
      if (said.Config.Labels[labels.install] !== this.#options.installId || !said.State.Running) return undefined;
      return await this.#watched(spec, container, said, true);
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      throw translateDockerError(error, "AGENT_START_FAILED");
    }
  }

  async list(signal: AbortSignal): Promise<readonly ContainerRecord[]> {
    try {
      const filters = { label: [`${labels.install}=${this.#options.installId}`] };
      const found = await this.#docker.listContainers({ all: true, filters, abortSignal: limit(signal) });
      return found.map((container) => ({
        id: ContainerId.parse(container.Id),
        agentId: container.Labels[labels.agent] ?? "",
        epoch: Number(container.Labels[labels.epoch] ?? 0),
        running: container.State === "running" || container.State === "paused",
      }));
    } catch (error) {
      throw dockerUnavailable(error);
    }
  }

  async remove(id: ContainerId, signal: AbortSignal): Promise<void> {
    const container = this.#docker.getContainer(id);
    try {
      const { Config } = await container.inspect({ abortSignal: limit(signal) });
      if (Config.Labels[labels.install] !== this.#options.installId)
        throw new BridgeError("AGENT_NOT_FOUND", `The container ${id} is not of this install`);
      // 409: the engine is removing it already.
      await tolerate([404, 409], container.remove({ force: true, v: true, abortSignal: limit(signal) }));
    } catch (error) {
      if (statusOf(error) !== 404) throw translateDockerError(error, "AGENT_START_FAILED");
    }
  }

  async ping(signal: AbortSignal): Promise<void> {
    try {
      await pingDocker(this.#docker, AbortSignal.any([signal, AbortSignal.timeout(pingTimeoutMs)]));
    } catch (error) {
      throw dockerUnavailable(error);
    }
  }

  async close(): Promise<void> {
    await this.#removals.settled();
    this.#closing.abort();
  }

  async #watched(
    spec: ContainerSpec,
    container: Docker.Container,
    { Name, State, HostConfig }: Docker.ContainerInspectInfo,
    isAdopted: boolean,
  ) {
    const name = Name.replace(/^\//, "");
    const isHere = readKernelFile(`/proc/${State.Pid}/cgroup`)?.includes(container.id) === true;
    const hasInit = isHere && HostConfig.Init === true;
    const watched = new DockerContainer({
      docker: this.#docker,
      container,
      name,
      pid: hasInit ? await startedBy(State.Pid, this.#options.clock) : State.Pid,
      runtime: { asked: this.#options.runtime, applied: HostConfig.Runtime },
      promised: this.#promised(spec),
      clock: this.#options.clock,
      isAdopted,
      onEnded: (removal) => {
        this.#events.forget(container.id);
        this.#removals.add(removal, (error) =>
          this.#options.logger.warn({ error, container: name }, "An ended container could not be removed"),
        );
      },
      closed: this.#closing.signal,
    });
    this.#events.watch(container.id, () => watched.look());
    return watched;
  }

  #body(spec: ContainerSpec) {
    if (this.#imageId === undefined) throw new Error("The agent image has not been prepared");
    const { installId, runtime } = this.#options;
    return createBody(spec, {
      installId,
      imageId: this.#imageId,
      containerUid: dockerUid(this.#info, spec.slot).container,
      arch: process.arch,
      podmanProfiles: this.#podmanProfiles,
      programs: spec.grants.includes("speech.programs") ? speechMounts() : [],
      ...(runtime === undefined ? {} : { runtime }),
    });
  }

  async #create(body: ReturnType<typeof createBody>, signal: AbortSignal): Promise<Docker.Container> {
    const create = () => this.#docker.createContainer({ ...body, abortSignal: limit(signal) });
    try {
      return await create();
    } catch (error) {
      if (statusOf(error) !== 409) throw error;
      // An earlier attempt of the same start, whose answer was lost, has created this container.
      const { Id } = await this.#docker.getContainer(body.name).inspect({ abortSignal: limit(signal) });
      await this.remove(ContainerId.parse(Id), signal);
      return await create();
    }
  }

  #promised({ slot, limits, workspace }: ContainerSpec): Promised {
    return {
      isolation: "container",
      uid: this.uidForSlot(slot),
      namespaces: ["net", "pid", "mnt", "ipc", "uts"],
      locked: true,
      tmp: { bytes: limits.tmp_bytes, files: isPodman(this.#info) ? Number.POSITIVE_INFINITY : tmpFilesMax },
      openFiles: openFilesMax,
      workspaceBytes: workspace?.sizeBytes,
      ...(this.#info.MemoryLimit ? { memoryBytes: limits.memory_bytes } : {}),
      ...(this.#info.PidsLimit === false ? {} : { pids: limits.pids }),
    };
  }

  /** Removes a container of this install alone. The caller throws another error, so a failure of the removal is only logged. */
  async #removeQuietly(name: string): Promise<void> {
    await this.remove(name as ContainerId, AbortSignal.timeout(callTimeoutMs)).catch((error: unknown) =>
      this.#options.logger.warn({ error, container: name }, "A container that failed to start could not be removed"),
    );
  }
}

const limit = (signal: AbortSignal): AbortSignal => AbortSignal.any([signal, AbortSignal.timeout(callTimeoutMs)]);
