import type { Service } from "../../../lifecycle/index.ts";
import { delay } from "../../../platform/clock.ts";
import type { CallStep, RoomCallEvent } from "../protocol/call-events.ts";
import type { MatrixTrust } from "../rooms/inbound.ts";
import { IncomingCall, type IncomingCallDeps, type RoomAgents } from "./incoming-call.ts";

export type { RoomAgents } from "./incoming-call.ts";

/** Calls that may be in the making or going on at once; the bridge's own limits are below it. */
const callsMax = 1_000;
/** Events of one person: so many at once, and then one a second. A call takes some ten. */
const burst = 40;
const refillMs = 1_000;
const stopDeadlineMs = 3_000;

/** Why an event of a call was not followed. */
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
  /** What it was rejected for. */
  readonly code?: string;
}

export interface IncomingCallsDeps extends IncomingCallDeps {
  readonly trust: MatrixTrust;
  readonly ownId: () => string | undefined;
  /** Whether the agent can talk now. */
  readonly isReady: (agentId: string) => boolean;
  readonly refused: (note: RefusedCallEvent) => void;
}

export interface IncomingCallsSettings {
  /** Who answers in each room. */
  readonly agents: Readonly<Record<string, RoomAgents>>;
  /** What a call needs: `verified` is an encrypted room and a device that its owner signed. */
  readonly require: "verified" | "encrypted" | "nothing";
}

/** Calls that people make to the bridge from rooms, by `m.call.*`. The bridge answers; it never rings. */
export class IncomingCalls implements Service {
  readonly name = "room-calls";
  readonly #deps: IncomingCallsDeps;
  readonly #settings: IncomingCallsSettings;
  readonly #calls = new Map<string, IncomingCall>();
  /** Calls that are over and have steps to finish. */
  readonly #finishing = new Set<IncomingCall>();
  /** When each person's next event would be within the rate, in the clock's monotonic time. */
  readonly #busyUntil = new Map<string, number>();
  /** Whose flood is on record. */
  readonly #flooding = new Set<string>();
  #isStopping = false;

  constructor(deps: IncomingCallsDeps, settings: IncomingCallsSettings) {
    this.#deps = deps;
    this.#settings = settings;
  }

  async start(): Promise<void> {
    // It hears once the rooms do.
  }

  /** Takes no more rings. */
  close(): void {
    this.#isStopping = true;
  }

  /** The sessions have ended: says so in the rooms, for as long as that may take. */
  async stop(): Promise<void> {
    this.close();
    const work = [...this.#finishing, ...this.#calls.values()].map((call) => call.settled);
    await Promise.race([Promise.all(work), delay(this.#deps.clock, stopDeadlineMs)]);
  }

  heard(event: RoomCallEvent): void {
    const why = this.#objection(event);
    if (why !== undefined) this.#refuse(event, why);
    else if (event.call !== undefined && event.step !== undefined) this.#follow(event, event.call, event.step);
  }

  /** A session of the bridge's has ended, whoever's it is. */
  ended(sessionId: string, reason: string): void {
    for (const call of this.#calls.values()) if (call.sessionId === sessionId) call.ended(reason);
  }

  #objection({ roomId, sender, trust, call, step }: RoomCallEvent): CallRefusal | undefined {
    if (!this.#deps.trust.isTrustedRoom(roomId)) return "room_not_trusted";
    if (this.#deps.trust.roleOf(sender) === undefined) return "sender_not_trusted";
    if (!this.#isWithinRate(sender)) return "flood";
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
    // Others of the room call each other too, and some steps come after the end.
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
      // Its last step is queued with its end.
      queueMicrotask(() => void call.settled.then(() => this.#finishing.delete(call)));
    });
    this.#calls.set(key, call);
    if ([agents.agentId, agents.sttAgentId, agents.ttsAgentId].some((id) => id !== undefined && !isReady(id)))
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

  #isWithinRate(sender: string): boolean {
    const now = this.#deps.clock.monotonic();
    const until = Math.max(now, this.#busyUntil.get(sender) ?? 0) + refillMs;
    if (until - now > burst * refillMs) return false;
    this.#busyUntil.set(sender, until);
    return true;
  }

  /** A flood is one line of the record, or it would be a flood there. */
  #refuse({ roomId, sender }: RoomCallEvent, why: CallRefusal, code?: string): void {
    if (why === "flood" && this.#flooding.has(sender)) return;
    if (why === "flood") this.#flooding.add(sender);
    this.#deps.refused({ why, roomId, sender, ...(code === undefined ? {} : { code }) });
  }
}

/** @returns false when it was too much */
function take(call: IncomingCall, step: Exclude<CallStep, { kind: "invite" }>, ageMs: number): boolean {
  if (step.kind === "hangup") call.hungUp();
  else if (step.kind === "select_answer") call.selected(step.selected);
  else if (step.kind === "candidates") return call.candidates(step.candidates);
  else if (ageMs <= step.lifetimeMs) return call.negotiate(step.offer);
  return true;
}
