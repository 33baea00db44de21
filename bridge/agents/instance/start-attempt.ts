import { BridgeError, type ContainerId, type ExitInfo, type Isolation } from "@armorclaw/protocol";
import type { Container, Engine, LastSeen, OutputLine, Workspaces } from "../../containers/index.ts";
import type { AgentEndpoint, AgentEndpoints } from "../../rpc/index.ts";
import type { AgentPlan } from "./plan.ts";

export interface IncarnationDeps {
  readonly engine: Engine;
  readonly endpoints: AgentEndpoints;
  readonly workspaces: Workspaces;
}

/** Whoever lives the start through. */
export interface IncarnationOwner {
  readonly onOutput: (line: OutputLine) => void;
  /** Up to where the output of a container that is taken over is known. */
  readonly lastSeen: () => LastSeen;
  readonly onContainer: () => void;
}

/** One start of an agent: its socket, its container, and what is known of them. */
export class Incarnation {
  readonly epoch: number;
  readonly #plan: AgentPlan;
  readonly #deps: IncarnationDeps;
  readonly #connected = Promise.withResolvers<void>();
  readonly #attested = Promise.withResolvers<void>();
  readonly #helloed = Promise.withResolvers<void>();
  #container: Container | undefined;
  #endpoint: AgentEndpoint | undefined;
  #isolation: Isolation | null = null;

  constructor(plan: AgentPlan, epoch: number, deps: IncarnationDeps) {
    this.#plan = plan;
    this.epoch = epoch;
    this.#deps = deps;
    // A refused attestation is told by `bringUp`; a hello that waits for it hears of it too, if there is one.
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

  /** The agent says hello: answered once the kernel has confirmed its isolation. */
  async hello(): Promise<void> {
    await this.#attested.promise;
    this.#helloed.resolve();
  }

  /**
   * Opens the socket, starts the container or takes over the one that is there, has its isolation confirmed and waits
   * for the agent's hello. Of one that stands by, only the last two are left.
   * @param adopted the container that an earlier bridge started for this epoch
   * @throws BridgeError AGENT_START_FAILED, ATTESTATION_FAILED or what the engine threw; `release` is still owed
   */
  async bringUp(deadline: AbortSignal, owner: IncarnationOwner, adopted?: ContainerId): Promise<Container> {
    const container = this.#container ?? (await this.#open(deadline, adopted));
    container.output(owner.onOutput, adopted === undefined ? {} : owner.lastSeen());
    owner.onContainer();
    await this.#attest(container);
    this.#attested.resolve();
    // A bridge that was killed may have left it frozen, and then it cannot say hello.
    if (adopted !== undefined) await container.resume();
    await this.#await(this.#helloed.promise, "say hello", container, deadline);
    return container;
  }

  /**
   * Opens the socket, starts the container, has its isolation confirmed and waits until the agent has connected, ahead of
   * `bringUp`. Nothing that it says is read until then.
   */
  async standBy(deadline: AbortSignal): Promise<Container> {
    const container = await this.#open(deadline, undefined);
    await this.#attest(container);
    await this.#await(this.#connected.promise, "connect", container, deadline);
    return container;
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

  /** Ends what still runs and gives back the socket. */
  async release(): Promise<void> {
    this.#attested.reject(new BridgeError("CANCELLED", "The agent's container has ended"));
    await this.#container?.kill();
    await this.#endpoint?.close();
  }

  /** Starts the container, or takes over the one that is there. */
  async #obtain(endpointDirectory: string, deadline: AbortSignal, adopted?: ContainerId) {
    const { engine, workspaces } = this.#deps;
    const { agentId, slot, limits, grants, manifest } = this.#plan;
    const sizeBytes = manifest.workspace?.size_bytes;
    const spec = { agentId, loop: manifest.name, epoch: this.epoch, slot, limits, grants, endpointDirectory };
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
    const attestation = await container.attest();
    if (attestation.missing.length > 0) {
      const message = `The kernel does not confirm: ${attestation.missing.join("; ")}`;
      throw new BridgeError("ATTESTATION_FAILED", message, { missing: attestation.missing });
    }
    this.#isolation = attestation.isolation;
  }

  async #await(sign: Promise<void>, what: string, container: Container, deadline: AbortSignal): Promise<void> {
    const late = Promise.withResolvers<"late">();
    const onAbort = () => late.resolve("late");
    deadline.addEventListener("abort", onAbort, { once: true });
    if (deadline.aborted) onAbort();
    const done = sign.then(() => "done" as const);
    const outcome: ExitInfo | "done" | "late" = await Promise.race([done, container.exited, late.promise]);
    deadline.removeEventListener("abort", onAbort);
    if (outcome === "done") return;
    const reason = outcome === "late" ? `did not ${what} in time` : `ended before its hello: ${outcome.message}`;
    throw new BridgeError("AGENT_START_FAILED", `${this.#plan.agentId} ${reason}`);
  }
}
