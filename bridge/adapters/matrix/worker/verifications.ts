import type { MatrixClient } from "matrix-js-sdk";
import {
  CryptoEvent,
  type ShowSasCallbacks,
  VerificationPhase,
  type VerificationRequest,
  VerificationRequestEvent,
  type Verifier,
  VerifierEvent,
} from "matrix-js-sdk/lib/crypto-api/index.js";
import type { Verification } from "../protocol/worker-protocol.ts";
import { NotReady, Refused } from "./sdk-failure.ts";

/** The most verifications at once. */
const flowsMax = 16;

interface Flow {
  readonly request: VerificationRequest;
  verification: Verification;
  sas: ShowSasCallbacks | undefined;
  isVerifying: boolean;
}

/** Verifies people's devices by comparing emoji. Either side may start. */
export class Verifications {
  readonly #client: MatrixClient;
  readonly #changed: (verification: Verification) => void;
  readonly #flows = new Map<string, Flow>();

  constructor(client: MatrixClient, changed: (verification: Verification) => void) {
    this.#client = client;
    this.#changed = changed;
    client.on(CryptoEvent.VerificationRequestReceived, (request) => {
      if (this.#flows.size >= flowsMax) return;
      const flow = this.#follow(request);
      request.accept().catch(() => this.#end(flow, "cancelled"));
    });
  }

  /** Asks the person's devices, or the other devices of the account itself. */
  async begin(userId: string): Promise<Verification> {
    const crypto = this.#client.getCrypto();
    if (crypto === undefined) throw new NotReady("encryption is not ready");
    if (this.#flows.size >= flowsMax) throw new Refused("too many verifications are open");
    if (userId === this.#client.getUserId())
      return this.#follow(await crypto.requestOwnUserVerification()).verification;
    const room = this.#client
      .getRooms()
      .filter((one) => one.hasEncryptionStateEvent() && one.getMember(userId)?.membership === "join")
      .toSorted((a, b) => a.getJoinedMemberCount() - b.getJoinedMemberCount())[0];
    if (room === undefined) throw new Refused(`no encrypted room is shared with ${userId}`);
    // This also loads the person's identity.
    if (!(await crypto.userHasCrossSigningKeys(userId, true)))
      throw new Refused(`${userId} has not set up an identity to compare with`);
    return this.#follow(await crypto.requestVerificationDM(userId, room.roomId)).verification;
  }

  /** Confirms or rejects the comparison. */
  async compare(flowId: string, isEqual: boolean): Promise<Verification> {
    const flow = this.#flows.get(flowId);
    if (flow === undefined) throw new Refused("no such verification is open");
    if (!isEqual) {
      flow.sas?.mismatch();
      this.#end(flow, "cancelled");
      return flow.verification;
    }
    if (flow.sas === undefined) throw new NotReady("the other device has not shown its emoji yet");
    await flow.sas.confirm();
    return flow.verification;
  }

  #follow(request: VerificationRequest): Flow {
    const flowId = request.transactionId ?? `${request.otherUserId} ${this.#flows.size}`;
    const verification: Verification = { flowId, userId: request.otherUserId, state: "requested", emoji: [] };
    const flow: Flow = { request, verification, sas: undefined, isVerifying: false };
    this.#flows.set(flowId, flow);
    const step = () => void this.#step(flow).catch(() => this.#end(flow, "cancelled"));
    request.on(VerificationRequestEvent.Change, step);
    this.#changed(verification);
    step();
    return flow;
  }

  async #step(flow: Flow): Promise<void> {
    const { request } = flow;
    if (request.phase === VerificationPhase.Cancelled) return this.#end(flow, "cancelled");
    if (request.phase === VerificationPhase.Done) return this.#end(flow, "done");
    if (request.phase === VerificationPhase.Ready && request.initiatedByMe && !flow.isVerifying) {
      flow.isVerifying = true;
      return this.#verify(flow, await request.startVerification("m.sas.v1"));
    }
    if (request.phase === VerificationPhase.Started && request.verifier !== undefined && !flow.isVerifying) {
      flow.isVerifying = true;
      return this.#verify(flow, request.verifier);
    }
  }

  async #verify(flow: Flow, verifier: Verifier): Promise<void> {
    const show = (sas: ShowSasCallbacks) => {
      flow.sas = sas;
      const emoji = (sas.sas.emoji ?? []).map(([symbol, name]) => ({ symbol, name }));
      this.#set(flow, { ...flow.verification, state: "compare", emoji });
    };
    verifier.on(VerifierEvent.ShowSas, show);
    const shown = verifier.getShowSasCallbacks();
    if (shown !== null) show(shown);
    await verifier.verify();
    this.#end(flow, "done");
  }

  #end(flow: Flow, state: "done" | "cancelled"): void {
    if (!this.#flows.delete(flow.verification.flowId)) return;
    this.#set(flow, { ...flow.verification, state, emoji: [] });
  }

  #set(flow: Flow, verification: Verification): void {
    flow.verification = verification;
    this.#changed(verification);
  }
}
