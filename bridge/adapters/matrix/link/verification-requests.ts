import { BoundedMap } from "../../../platform/bounded-map.ts";
import type { Verification } from "../protocol/worker-protocol.ts";
import type { StateChanges } from "./state-changes.ts";
import type { WorkerClient } from "./worker-client.ts";

/** The most recent verifications are remembered. */
const verificationsMax = 16;

/** Verifies other devices by comparing emoji. */
export class VerificationRequests {
  readonly #changes: StateChanges;
  readonly #link: () => WorkerClient;
  readonly #known = new BoundedMap<string, Verification>(verificationsMax);

  /** @param link throws while there is no link */
  constructor(changes: StateChanges, link: () => WorkerClient) {
    this.#changes = changes;
    this.#link = link;
  }

  get known(): readonly Verification[] {
    return [...this.#known.values()];
  }

  /** Asks a person's devices to compare emoji. Resolves when emoji are shown or the comparison has ended. */
  async verify(userId: string, signal: AbortSignal): Promise<Verification> {
    const { flowId } = await this.#link().call("verify", { userId }, signal);
    return await this.#changes.until(() => {
      const verification = this.#known.get(flowId);
      return verification?.state === "requested" ? undefined : verification;
    }, signal);
  }

  async compare(flowId: string, isEqual: boolean, signal: AbortSignal): Promise<Verification> {
    const verification = await this.#link().call("compare", { flowId, isEqual }, signal);
    if (!isEqual) return verification;
    return await this.#changes.until(() => {
      const known = this.#known.get(flowId);
      return known?.state === "done" || known?.state === "cancelled" ? known : undefined;
    }, signal);
  }

  note(verification: Verification): void {
    this.#known.set(verification.flowId, verification);
    this.#changes.notify();
  }
}
