import { randomUUID } from "node:crypto";
import { BridgeError, errorCatalogue } from "@armorclaw/protocol/errors";
import type { Logger } from "../../../logging/index.ts";
import { type Clock, delay } from "../../../platform/clock.ts";
import { backOff } from "../../../platform/retry.ts";
import { type CallCandidate, CallReplies, type CallReply, type RoomCallEvent } from "../protocol/call-events.ts";
import type { Outgoing } from "../protocol/worker-protocol.ts";
import type { MethodCalls, RoomMember } from "../rooms/commands.ts";

/** Steps of one call that may wait at once. */
const waitingMax = 32;
/** Candidates of the caller that are considered in one call. */
const candidatesMax = 64;
const sendAttempts = 4;
const sendWaitMaxMs = 5_000;
const sendWaitMs = backOff({ firstMs: 400, maxMs: sendWaitMaxMs });
const sendDeadlineMs = 10_000;

/** The agents that answer calls in a room. */
export interface RoomAgents {
  readonly agent: string;
  /** Turns the caller's speech into text for the agent. */
  readonly sttAgent?: string | undefined;
  /** Turns the agent's text into speech. */
  readonly ttsAgent?: string | undefined;
}

/** The media of call sessions. */
export interface CallMediaPort {
  isLive(sessionId: string): boolean;
  addCandidate(sessionId: string, candidate: string): Promise<unknown>;
  /** All ICE candidates of the bridge. */
  ownCandidates(sessionId: string): Promise<readonly CallCandidate[]>;
}

export interface IncomingCallDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called with the rights of the caller. */
  readonly methods: MethodCalls;
  readonly media: CallMediaPort;
  readonly send: (outgoing: Outgoing, signal: AbortSignal) => Promise<unknown>;
}

export interface CallInvite {
  readonly roomId: string;
  readonly caller: RoomMember;
  readonly call: NonNullable<RoomCallEvent["call"]>;
  /** When the caller stops waiting for an answer, in the clock's monotonic time. */
  readonly untilMs: number;
  readonly agents: RoomAgents;
}

export type CallEnd = "hung_up" | "answered_elsewhere" | "by_bridge" | "rejected" | "expired";

/** One call from a room. Handles its steps one after the other and sends the bridge's events. */
export class IncomingCall {
  readonly #deps: IncomingCallDeps;
  readonly #ring: CallInvite;
  readonly #partyId = randomUUID();
  readonly #replies: CallReplies;
  readonly #onOver: (end: CallEnd, why: string | undefined) => void;
  #sessionId: string | undefined;
  #isOver = false;
  #isAnswered = false;
  #candidates = 0;
  #waiting = 0;
  #work: Promise<void> = Promise.resolve();

  constructor(deps: IncomingCallDeps, ring: CallInvite, onOver: (end: CallEnd, why: string | undefined) => void) {
    this.#deps = deps;
    this.#ring = ring;
    this.#onOver = onOver;
    this.#replies = new CallReplies(ring.call.id, ring.call.version, this.#partyId);
  }

  get sessionId(): string | undefined {
    return this.#sessionId;
  }

  /** Resolves when all queued steps are done. */
  get settled(): Promise<void> {
    return this.#work;
  }

  /** Whether this party is the caller. */
  isFrom(party: string | undefined): boolean {
    return party === this.#ring.call.party;
  }

  answer(offer: string): void {
    this.#queue(() => this.#answer(offer));
  }

  /** Rejects the call without answering it. */
  reject(code: string): void {
    this.#over("rejected", code);
    this.#queue(() => this.#refuse("user_busy"));
  }

  /** @returns false when the call has more than `candidatesMax` candidates */
  candidates(candidates: readonly string[]): boolean {
    this.#candidates += candidates.length;
    if (this.#candidates > candidatesMax) return false;
    return this.#queue(async () => {
      for (const candidate of candidates)
        if (this.#sessionId !== undefined && !this.#isOver)
          await this.#deps.media.addCandidate(this.#sessionId, candidate);
    });
  }

  /** Answers a new offer within the call, as after the caller's network has changed. */
  negotiate(offer: string): boolean {
    return this.#queue(async () => {
      if (this.#sessionId === undefined || this.#isOver) return;
      const { sdp_answer: sdp } = await this.#call("webrtc.answer", { session_id: this.#sessionId, offer });
      await this.#send(this.#replies.negotiate(String(sdp)));
    });
  }

  /** The caller chose one party's answer. */
  selected(party: string): void {
    if (party !== this.#partyId) this.#end("answered_elsewhere");
  }

  hungUp(): void {
    this.#end("hung_up");
  }

  /** The bridge's session has ended. */
  ended(reason: string): void {
    if (this.#isOver) return;
    this.#over("by_bridge", reason);
    this.#queue(() => this.#refuse(hangUpReasons[reason] ?? "user_hangup"));
  }

  async #answer(offer: string): Promise<void> {
    if (this.#isOver) return;
    const { roomId, agents } = this.#ring;
    try {
      const started = await this.#call("webrtc.start", {
        room_id: roomId,
        agent_id: agents.agent,
        offer,
        ...(agents.sttAgent === undefined ? {} : { stt_agent_id: agents.sttAgent }),
        ...(agents.ttsAgent === undefined ? {} : { tts_agent_id: agents.ttsAgent }),
      });
      this.#sessionId = String(started["session_id"]);
      if (this.#isOver) await this.#endSession();
      else if (!this.#deps.media.isLive(this.#sessionId)) this.ended("error");
      else if (this.#deps.clock.monotonic() > this.#ring.untilMs) this.#end("expired");
      else {
        this.#isAnswered = true;
        await this.#send(this.#replies.answer(String(started["sdp_answer"])));
        await this.#send(this.#replies.candidates(await this.#deps.media.ownCandidates(this.#sessionId)));
      }
    } catch (error) {
      if (this.#sessionId !== undefined || !(error instanceof BridgeError)) throw error;
      if (this.#isOver) return;
      this.#over("rejected", error.code);
      await this.#refuse(error.code === "CALL_OFFER_REFUSED" ? "unknown_error" : "user_busy");
    }
  }

  async #call(method: string, params: object): Promise<Record<string, unknown>> {
    const { result } = await this.#deps.methods.call(method, params, this.#ring.caller);
    return result as Record<string, unknown>;
  }

  /** Sends an event. Every attempt has the same transaction id, so that the room gets it once. */
  async #send({ type, content }: CallReply): Promise<void> {
    const { clock, send } = this.#deps;
    const outgoing = { roomId: this.#ring.roomId, type, content, transactionId: randomUUID() };
    for (let attempt = 1; ; attempt += 1) {
      try {
        await send(outgoing, AbortSignal.timeout(sendDeadlineMs));
        return;
      } catch (error) {
        const mayPass = error instanceof BridgeError && errorCatalogue[error.code].retryable;
        if (!mayPass || attempt === sendAttempts) throw error;
        const waitMs = Number(error.details?.["retry_after_ms"] ?? sendWaitMs(attempt));
        await delay(clock, Math.min(sendWaitMaxMs, waitMs));
      }
    }
  }

  /** @returns false when `waitingMax` steps wait already */
  #queue(step: () => Promise<void>): boolean {
    if (this.#waiting >= waitingMax) return false;
    this.#waiting += 1;
    this.#work = this.#work
      .then(step)
      .catch((error: unknown) => {
        this.#deps.logger.warn({ error, room_id: this.#ring.roomId }, "A step of a call from a room failed");
        // The caller would wait for the failed step for ever.
        this.#end("by_bridge", "error");
      })
      .finally(() => {
        this.#waiting -= 1;
      });
    return true;
  }

  #end(end: CallEnd, why?: string): void {
    if (this.#isOver) return;
    this.#over(end, why);
    this.#queue(async () => {
      await this.#endSession();
      if (end === "by_bridge") await this.#refuse("unknown_error");
    });
  }

  #refuse(reason: string): Promise<void> {
    return this.#send(this.#isAnswered ? this.#replies.hangUp(reason) : this.#replies.reject(reason));
  }

  async #endSession(): Promise<void> {
    if (this.#sessionId !== undefined) await this.#call("webrtc.end", { session_id: this.#sessionId });
  }

  #over(end: CallEnd, why: string | undefined): void {
    this.#isOver = true;
    this.#onOver(end, why);
  }
}

/** The reasons of `m.call.hangup` by the reason that a session ended for. All others are `user_hangup`. */
const hangUpReasons: Readonly<Record<string, string>> = {
  ice_failed: "ice_failed",
  setup_timeout: "ice_timeout",
  media_timeout: "ice_timeout",
  error: "unknown_error",
};
