import assert from "node:assert/strict";
import { BridgeError, type ContainerId, type ExitInfo, type Isolation } from "@armorclaw/protocol";
import type { Container, ContainerRecord, Engine, Workspaces } from "../../containers/index.ts";
import type { Logger } from "../../logging/index.ts";
import { beforeAbort } from "../../platform/abort.ts";
import type { Clock } from "../../platform/clock.ts";
import type { AgentEndpoint, AgentEndpoints } from "../../rpc/index.ts";
import type { AgentLog } from "../logs/agent-log.ts";
import type { AgentEvents } from "./agent-events.ts";
import type { AgentPlan } from "./agent-plan.ts";
import type { AgentStatus } from "./agent-status.ts";
import { HeartbeatMonitor } from "./heartbeat-monitor.ts";
import type { StartQueue } from "./start-queue.ts";

export interface AgentRunDeps {
  readonly engine: Engine;
  readonly endpoints: AgentEndpoints;
  readonly workspaces: Workspaces;
  /** Bounds how many containers are adopted at once. */
  readonly starts: Pick<StartQueue, "run">;
  readonly status: AgentStatus;
  readonly events: AgentEvents;
  readonly log: Pick<AgentLog, "writeOutput" | "lastSeen">;
  readonly clock: Clock;
  readonly settings: { readonly helloDeadlineMs: number; readonly hangAfterMs: number };
}

export interface RunStart {
  /** How often the agent was started again before. */
  readonly restarts: number;
  /** The container that an earlier bridge started for this epoch. */
  readonly adopted: ContainerRecord | undefined;
  /** Aborts when the agent is asked to stop. */
  readonly stopping: AbortSignal;
}

/** One run of an agent: its socket and its container, its start up to its hello, the watch over its heartbeats, and its end. */
export class AgentRun {
  readonly epoch: number;
  readonly #plan: AgentPlan;
  readonly #deps: AgentRunDeps;
  readonly #heartbeats: HeartbeatMonitor;
  readonly #connected = Promise.withResolvers<void>();
  readonly #attested = Promise.withResolvers<void>();
  readonly #ready = Promise.withResolvers<void>();
  #container: Container | undefined;
  #endpoint: AgentEndpoint | undefined;
  #isolation: Isolation | null = null;
  #silentMs: number | undefined;
  #killing: Promise<void> | undefined;
  #isRetired = false;

  constructor(plan: AgentPlan, epoch: number, deps: AgentRunDeps) {
    this.#plan = plan;
    this.epoch = epoch;
    this.#deps = deps;
    // `start` reports a failed attestation. A waiting `hello` rejects with it too, but there may be none.
    this.#attested.promise.catch(() => undefined);
    this.#heartbeats = new HeartbeatMonitor(deps.clock, plan.manifest.heartbeat_ms, deps.settings, (silentMs) => {
      this.#silentMs = silentMs;
      deps.events.publish("agent.hung", { silent_ms: silentMs });
      this.#killing = this.#container?.kill();
    });
  }

  get container(): Container | undefined {
    return this.#container;
  }

  get endpoint(): AgentEndpoint | undefined {
    return this.#endpoint;
  }

  /** What the kernel confirmed; null before that. */
  get isolation(): Isolation | null {
    return this.#isolation;
  }

  /** Whether heartbeats come in time; null while none is due. */
  get isLive(): boolean | null {
    return this.#heartbeats.isLive;
  }

  /** Whether the run was ended because the agent was idle. */
  get isRetired(): boolean {
    return this.#isRetired;
  }

  /**
   * Opens the socket, starts or adopts the container, attests its isolation and waits for the agent's hello. After
   * `prestart` only the last two steps are left.
   * @throws BridgeError AGENT_START_FAILED, ATTESTATION_FAILED or what the engine threw; the caller must still call `release`
   */
  async start({ adopted, restarts, stopping }: RunStart): Promise<void> {
    const { status, events, log, settings } = this.#deps;
    events.epoch = this.epoch;
    status.move("creating");
    const deadline = AbortSignal.any([AbortSignal.timeout(settings.helloDeadlineMs), stopping]);
    const container = this.#container ?? (await this.#open(deadline, adopted?.id));
    container.output(log.writeOutput.bind(log), adopted === undefined ? {} : log.lastSeen());
    status.move("starting");
    const isolation = await this.#attest(container);
    this.#attested.resolve();
    // A bridge that was killed may have left the container frozen, and a frozen agent cannot say hello.
    if (adopted !== undefined) await container.resume();
    await this.#waitFor(this.#ready.promise, "say hello", container, deadline);
    // The agent may have been asked to stop while it started.
    if (status.state !== "starting") return;
    status.move("running");
    events.running(container, isolation, adopted !== undefined, restarts);
    this.#heartbeats.start();
  }

  /**
   * Opens the socket, starts the container, attests its isolation and waits until the agent has connected, ahead of
   * `start`. The bridge reads nothing from the connection before `start`.
   */
  async prestart(deadline: AbortSignal): Promise<Container> {
    const container = await this.#open(deadline, undefined);
    await this.#attest(container);
    await this.#waitFor(this.#connected.promise, "connect", container, deadline);
    return container;
  }

  /** Accepts the agent's hello. Resolves once the kernel has confirmed the container's isolation. */
  async hello(): Promise<void> {
    await this.#attested.promise;
    this.#ready.resolve();
  }

  beat(): void {
    this.#heartbeats.beat();
  }

  /** Freezes the container and pauses the heartbeat deadline. */
  async freeze(): Promise<void> {
    this.#heartbeats.stop();
    await this.#container?.pause();
  }

  async thaw(): Promise<void> {
    await this.#container?.resume();
    this.#heartbeats.start();
  }

  /** Stops the container because the agent is idle, and its standby before it. */
  async retire(graceMs: number, standby: { release(): Promise<void> } | undefined): Promise<void> {
    this.#isRetired = true;
    await standby?.release();
    await this.#container?.stop(graceMs);
  }

  /** Resolves with how the container ended. Publishes agent.died at the first sign of it, unless the end was asked for. */
  async end(stopping: AbortSignal): Promise<ExitInfo> {
    const container = this.#container;
    assert(container !== undefined, "a run that has started has a container");
    try {
      await container.gone;
      this.#heartbeats.stop();
      if (!stopping.aborted && !this.#isRetired) this.#deps.events.publish("agent.died", {});
      const exit = await container.exited;
      await this.#killing;
      if (this.#silentMs === undefined) return exit;
      const message = `It gave no sign of life for ${(this.#silentMs / 1000).toFixed(1)} s and was killed`;
      return { ...exit, reason: "hung", message };
    } finally {
      this.#heartbeats.stop();
    }
  }

  /** Kills the container if it still runs and closes the socket. */
  async release(): Promise<void> {
    this.#attested.reject(new BridgeError("CANCELLED", "The agent's container has ended"));
    await this.#container?.kill();
    await this.#endpoint?.close();
  }

  async #open(deadline: AbortSignal, adopted: ContainerId | undefined): Promise<Container> {
    const { engine, endpoints } = this.#deps;
    const { agentId, slot } = this.#plan;
    this.#endpoint = await endpoints.open(agentId, this.epoch, engine.uidForSlot(slot), {
      admits: async (pid) => {
        this.#connected.resolve();
        await this.#attested.promise;
        return pid === undefined || this.#container?.holds(pid) !== false;
      },
      disconnected: () => this.#container?.look(),
    });
    const container = await this.#obtain(this.#endpoint.directory, deadline, adopted);
    if (container === undefined) throw new BridgeError("AGENT_START_FAILED", `${agentId} ended with the bridge`);
    this.#container = container;
    return container;
  }

  /** Starts the container, or adopts the one of an earlier bridge. */
  async #obtain(endpointDirectory: string, deadline: AbortSignal, adopted?: ContainerId) {
    const { engine, workspaces, starts } = this.#deps;
    const { agentId, slot, manifest } = this.#plan;
    const sizeBytes = manifest.workspace?.size_bytes;
    const spec = { ...this.#plan, epoch: this.epoch, endpointDirectory };
    if (adopted !== undefined)
      return await starts.run(
        () =>
          engine.adopt({ ...spec, workspace: sizeBytes === undefined ? undefined : { sizeBytes } }, adopted, deadline),
        deadline,
      );
    if (sizeBytes === undefined) return await engine.start(spec, deadline);
    await using workspace = await workspaces.mount(agentId, sizeBytes, engine.uidForSlot(slot), deadline);
    return await engine.start({ ...spec, workspace }, deadline);
  }

  async #attest(container: Container): Promise<Isolation> {
    const { missing, isolation } = await container.attest();
    if (missing.length > 0)
      throw new BridgeError("ATTESTATION_FAILED", `The kernel does not confirm: ${missing.join("; ")}`, { missing });
    this.#isolation = isolation;
    return isolation;
  }

  async #waitFor(sign: Promise<void>, what: string, container: Container, deadline: AbortSignal): Promise<void> {
    const signOrExit = Promise.race([sign.then(() => "done" as const), container.exited]);
    const outcome = await beforeAbort(signOrExit, deadline);
    if (outcome === "done") return;
    const reason = outcome === undefined ? `did not ${what} in time` : `ended before its hello: ${outcome.message}`;
    throw new BridgeError("AGENT_START_FAILED", `${this.#plan.agentId} ${reason}`);
  }
}

/** The error with which a start is answered. What is no BridgeError is a bug and is logged. */
export function explainStartFailure(
  error: unknown,
  agentId: string,
  stopping: AbortSignal,
  logger: Logger,
): BridgeError {
  if (stopping.aborted) return new BridgeError("AGENT_START_FAILED", `${agentId} was stopped before it ran`);
  if (error instanceof BridgeError) return error;
  logger.error({ error, agent: agentId }, "agent start failed");
  return new BridgeError("AGENT_START_FAILED", `${agentId} did not start`, undefined, { cause: error });
}
