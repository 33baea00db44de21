import type { Service } from "../../../lifecycle/index.ts";
import { BoundedMap } from "../../../platform/bounded-map.ts";
import { delay } from "../../../platform/clock.ts";
import { TokenBuckets } from "../../../platform/token-bucket.ts";
import type { CallStep, RoomCallEvent } from "../protocol/call-events.ts";
import type { MatrixTrust } from "../rooms/inbound.ts";
import { IncomingCall, type IncomingCallDeps, type RoomAgents } from "./incoming-call.ts";

export type { RoomAgents } from "./incoming-call.ts";

/** Calls that are set up or go on at once. The limits of `webrtc` are lower. */
const callsMax = 1_000;
/** The rate of one person's events. A call takes some ten. */
const rate = { perSecond: 1, burst: 40 };
/** Senders whose rate is remembered. Only trusted people have one. */
const sendersMax = 1_000;
const stopDeadlineMs = 3_000;

/** Why an event of a call was ignored. */
export type CallRefusal =
  | "room_not_trusted"
  | "sender_not_trusted"
  | "flood"
  | "malformed"
  | "not_encrypted"
  | "device_not_verified"
  | "no_agent"
  | "stale"
  | "replayed"
  | "other_party"
  | "too_much"
  | "rejected";

export interface RefusedCallEvent {
  readonly why: CallRefusal;
  readonly roomId: string;
  readonly sender: string;
  /** The error code of a rejected call. */
  readonly code?: string;
}

export interface IncomingCallsDeps extends IncomingCallDeps {
  readonly trust: MatrixTrust;
  readonly ownId: () => string | undefined;
  /** Whether the agent has a media connection. */
  readonly isReady: (agentId: string) => boolean;
  readonly refused: (note: RefusedCallEvent) => void;
}

export interface IncomingCallsSettings {
  /** The agents that answer in each room. */
  readonly agents: Readonly<Record<string, RoomAgents>>;
  /** What a call requires: `verified` means an encrypted room and a device that its owner signed. */
  readonly require: "verified" | "encrypted" | "nothing";
}

/** Calls that people start in rooms with `m.call.*` events. The bridge answers calls and starts none. */
export class IncomingCalls implements Service {
  readonly name = "room-calls";
  readonly #deps: IncomingCallsDeps;
  readonly #settings: IncomingCallsSettings;
  readonly #calls = new Map<string, IncomingCall>();
  /** Calls that have ended and still send their last events. */
  readonly #finishing = new Set<IncomingCall>();
  readonly #rates: TokenBuckets;
  /** Senders whose flood is on record. */
  readonly #flooding = new BoundedMap<string, true>(sendersMax);
  #isStopping = false;

  constructor(deps: IncomingCallsDeps, settings: IncomingCallsSettings) {
    this.#deps = deps;
    this.#settings = settings;
    this.#rates = new TokenBuckets({ rate, keysMax: sendersMax, clock: deps.clock });
  }

  async start(): Promise<void> {
    // Events arrive once the Matrix account has started.
  }

  /** Ignores invitations from now on. */
  close(): void {
    this.#isStopping = true;
  }

  /** Waits until the ends of all calls are sent to their rooms. */
  async stop(): Promise<void> {
    this.close();
    const work = [...this.#finishing, ...this.#calls.values()].map((call) => call.settled);
    await Promise.race([Promise.all(work), delay(this.#deps.clock, stopDeadlineMs)]);
  }

  handle(event: RoomCallEvent): void {
    const why = this.#objection(event);
    if (why !== undefined) this.#refuse(event, why);
    else if (event.call !== undefined && event.step !== undefined) this.#follow(event, event.call, event.step);
  }

  /** A call session has ended. It may not belong to a room call. */
  ended(sessionId: string, reason: string): void {
    for (const call of this.#calls.values()) if (call.sessionId === sessionId) call.ended(reason);
  }

  #objection({ roomId, sender, trust, call, step }: RoomCallEvent): CallRefusal | undefined {
    if (!this.#deps.trust.isTrustedRoom(roomId)) return "room_not_trusted";
    if (this.#deps.trust.roleOf(sender) === undefined) return "sender_not_trusted";
    if (this.#rates.take(sender) > 0) return "flood";
    this.#flooding.delete(sender);
    if (call === undefined || step === undefined) return "malformed";
    const { require } = this.#settings;
    if (require === "nothing" || trust === "verified") return undefined;
    if (trust === "plain") return "not_encrypted";
    return require === "encrypted" ? undefined : "device_not_verified";
  }

  #follow(event: RoomCallEvent, { id, party }: NonNullable<RoomCallEvent["call"]>, step: CallStep): void {
    const key = JSON.stringify([event.roomId, event.sender, id]);
    if (step.kind === "invite") {
      this.#ring(key, event, step);
      return;
    }
    // People in the room call each other too, and some events arrive after a call has ended.
    const call = this.#calls.get(key);
    if (call === undefined) return;
    if (!call.isFrom(party)) this.#refuse(event, "other_party");
    else if (!take(call, step, event.ageMs)) this.#refuse(event, "too_much");
  }

  #ring(key: string, event: RoomCallEvent, invite: Extract<CallStep, { kind: "invite" }>): void {
    const { clock, trust, ownId, isReady } = this.#deps;
    const { roomId, sender, ageMs } = event;
    const [role, agents] = [trust.roleOf(sender), this.#agentsOf(roomId)];
    if (this.#isStopping || role === undefined || event.call === undefined) return;
    if (invite.invitee !== undefined && invite.invitee !== ownId()) return;
    const why = this.#obstacle(key, ageMs > invite.lifetimeMs);
    if (why !== undefined || agents === undefined) {
      this.#refuse(event, why ?? "no_agent");
      return;
    }
    const caller = { id: `matrix:${sender}`, userId: sender, role } as const;
    const untilMs = clock.monotonic() + invite.lifetimeMs - ageMs;
    const call = new IncomingCall(this.#deps, { roomId, caller, call: event.call, untilMs, agents }, (end, why) => {
      this.#calls.delete(key);
      if (end === "expired") this.#refuse(event, "stale");
      if (end === "rejected") this.#refuse(event, "rejected", why);
      this.#finishing.add(call);
      // The last step of the call is queued right after this callback.
      queueMicrotask(() => void call.settled.then(() => this.#finishing.delete(call)));
    });
    this.#calls.set(key, call);
    if ([agents.agent, agents.sttAgent, agents.ttsAgent].some((id) => id !== undefined && !isReady(id)))
      call.reject("AGENT_NOT_RUNNING");
    else call.answer(invite.offer);
  }

  #obstacle(key: string, isStale: boolean): CallRefusal | undefined {
    if (this.#calls.has(key)) return "replayed";
    if (isStale) return "stale";
    return this.#calls.size >= callsMax ? "too_much" : undefined;
  }

  #agentsOf(roomId: string): RoomAgents | undefined {
    return Object.hasOwn(this.#settings.agents, roomId) ? this.#settings.agents[roomId] : undefined;
  }

  /** A flood is recorded once, or the record would be flooded too. */
  #refuse({ roomId, sender }: RoomCallEvent, why: CallRefusal, code?: string): void {
    if (why === "flood" && this.#flooding.has(sender)) return;
    if (why === "flood") this.#flooding.set(sender, true);
    this.#deps.refused({ why, roomId, sender, ...(code === undefined ? {} : { code }) });
  }
}

/** @returns false when the call has too many steps or candidates waiting */
function take(call: IncomingCall, step: Exclude<CallStep, { kind: "invite" }>, ageMs: number): boolean {
  if (step.kind === "hangup") call.hungUp();
  else if (step.kind === "select_answer") call.selected(step.selected);
  else if (step.kind === "candidates") return call.candidates(step.candidates);
  else if (ageMs <= step.lifetimeMs) return call.negotiate(step.offer);
  return true;
}
