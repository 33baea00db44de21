import { BridgeError, type ContainerId, type Isolation } from "@armorclaw/protocol";
import type { Container, Engine, LastSeen, OutputLine, Workspaces } from "../../containers/index.ts";
import { beforeAbort } from "../../platform/abort.ts";
import type { AgentEndpoint, AgentEndpoints } from "../../rpc/index.ts";
import type { AgentPlan } from "./agent-plan.ts";

export interface StartAttemptDeps {
  readonly engine: Engine;
  readonly endpoints: AgentEndpoints;
  readonly workspaces: Workspaces;
}

/** Callbacks of the owner of a start. */
export interface StartObserver {
  readonly onOutput: (line: OutputLine) => void;
  /** Up to where the output of an adopted container is in the log already. */
  readonly lastSeen: () => LastSeen;
  readonly onContainer: () => void;
}

/** One start of an agent: its socket, its container, and what is known of them. */
export class StartAttempt {
  readonly epoch: number;
  readonly #plan: AgentPlan;
  readonly #deps: StartAttemptDeps;
  readonly #connected = Promise.withResolvers<void>();
  readonly #attested = Promise.withResolvers<void>();
  readonly #ready = Promise.withResolvers<void>();
  #container: Container | undefined;
  #endpoint: AgentEndpoint | undefined;
  #isolation: Isolation | null = null;

  constructor(plan: AgentPlan, epoch: number, deps: StartAttemptDeps) {
    this.#plan = plan;
    this.epoch = epoch;
    this.#deps = deps;
    // `start` reports a failed attestation. A waiting `hello` rejects with it too, but there may be none.
    this.#attested.promise.catch(() => undefined);
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

  /** Accepts the agent's hello. Resolves once the kernel has confirmed the container's isolation. */
  async hello(): Promise<void> {
    await this.#attested.promise;
    this.#ready.resolve();
  }

  /**
   * Opens the socket, starts or adopts the container, attests its isolation and waits for the agent's hello. After
   * `prestart` only the last two steps are left.
   * @param adopted the container that an earlier bridge started for this epoch
   * @throws BridgeError AGENT_START_FAILED, ATTESTATION_FAILED or what the engine threw; the caller must still call `release`
   */
  async start(deadline: AbortSignal, observer: StartObserver, adopted?: ContainerId): Promise<Container> {
    const container = this.#container ?? (await this.#open(deadline, adopted));
    container.output(observer.onOutput, adopted === undefined ? {} : observer.lastSeen());
    observer.onContainer();
    await this.#attest(container);
    this.#attested.resolve();
    // A bridge that was killed may have left the container frozen, and a frozen agent cannot say hello.
    if (adopted !== undefined) await container.resume();
    await this.#waitFor(this.#ready.promise, "say hello", container, deadline);
    return container;
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
    const { engine, workspaces } = this.#deps;
    const { agentId, slot, manifest } = this.#plan;
    const sizeBytes = manifest.workspace?.size_bytes;
    const spec = { ...this.#plan, epoch: this.epoch, endpointDirectory };
    if (adopted !== undefined)
      return await engine.adopt(
        { ...spec, workspace: sizeBytes === undefined ? undefined : { sizeBytes } },
        adopted,
        deadline,
      );
    if (sizeBytes === undefined) return await engine.start(spec, deadline);
    await using workspace = await workspaces.mount(agentId, sizeBytes, engine.uidForSlot(slot), deadline);
    return await engine.start({ ...spec, workspace }, deadline);
  }

  async #attest(container: Container): Promise<void> {
    const { missing, isolation } = await container.attest();
    if (missing.length > 0)
      throw new BridgeError("ATTESTATION_FAILED", `The kernel does not confirm: ${missing.join("; ")}`, { missing });
    this.#isolation = isolation;
  }

  async #waitFor(sign: Promise<void>, what: string, container: Container, deadline: AbortSignal): Promise<void> {
    const signOrExit = Promise.race([sign.then(() => "done" as const), container.exited]);
    const outcome = await beforeAbort(signOrExit, deadline);
    if (outcome === "done") return;
    const reason = outcome === undefined ? `did not ${what} in time` : `ended before its hello: ${outcome.message}`;
    throw new BridgeError("AGENT_START_FAILED", `${this.#plan.agentId} ${reason}`);
  }
}
