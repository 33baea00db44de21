import { randomBytes } from "node:crypto";
import type { CallEndReason, CallState, Principal } from "@armorclaw/protocol";
import { BridgeError } from "@armorclaw/protocol/errors";
import type { Service } from "../../../lifecycle/index.ts";
import { delay, type Timer } from "../../../platform/clock.ts";
import type { IceCandidate, MediaEvent, MediaStats, Silence } from "../protocol/media-protocol.ts";
import type { TurnCredentials } from "../turn/turn-credentials.ts";
import { AudioRecorder } from "./audio-recorder.ts";
import { AudioRouter } from "./audio-router.ts";
import { CallBudget } from "./call-budget.ts";
import { about, CallCredentials } from "./call-credentials.ts";
import { assertWithinLimits } from "./call-limits.ts";
import { assertParticipants } from "./call-participants.ts";
import type { CallRecords } from "./call-records.ts";
import { type CallPlan, CallSession } from "./call-session.ts";
import type { CallsDeps, CallsSettings, CallWatcher, StartRequest } from "./call-types.ts";
import { MediaSupervisor } from "./media-supervisor.ts";

/** Ended sessions stay in the list for this long. */
const shownAfterEndMs = 60_000;

type Caller = Pick<Principal, "id" | "role">;

export interface StartedCall {
  readonly session: CallSession;
  readonly token: string;
  readonly expiresAtMs: number;
}

/** Opens, controls and ends all calls of the bridge. */
export class Calls implements Service {
  readonly name = "webrtc";
  readonly credentials: CallCredentials;
  readonly #deps: CallsDeps;
  readonly #settings: CallsSettings;
  readonly #media: MediaSupervisor;
  readonly #router: AudioRouter;
  readonly #sessions = new Map<string, CallSession>();
  readonly #budgets = new Map<string, CallBudget>();
  readonly #watchers = new Map<string, Set<CallWatcher>>();
  readonly #forgetting = new Set<Timer>();

  constructor(deps: CallsDeps, settings: CallsSettings) {
    this.#deps = deps;
    this.#settings = settings;
    this.credentials = new CallCredentials(deps.clock, deps.records, settings.turn);
    this.#media = new MediaSupervisor(settings.media, deps.clock, deps.logger, {
      event: (sessionId, event) => this.#onMedia(sessionId, event),
      ended: () => this.endAll("error", () => true),
    });
    this.#router = new AudioRouter(deps.audio, () => this.#media.link, {
      transcript: (session, transcript) => {
        deps.onTranscript(session, transcript);
        for (const watcher of this.#watching(session)) watcher.transcript?.(transcript);
      },
      hangUp: (session) => this.end(session, "hang_up"),
    });
  }

  async start(): Promise<void> {
    await this.#media.start();
  }

  async stop(): Promise<void> {
    const budgets = [...this.#budgets.values()];
    this.endAll("shutdown", () => true);
    for (const timer of this.#forgetting) timer.cancel();
    await Promise.all(budgets.map((budget) => budget.end()));
    this.#deps.audio.close();
    await this.#media.stop();
  }

  get records(): CallRecords {
    return this.#deps.records;
  }

  /** Opens a session. @throws BridgeError FORBIDDEN, CALL_LIMIT_REACHED or an error of the budget */
  async open(caller: Caller, request: StartRequest): Promise<StartedCall> {
    await this.#admit(caller, request);
    if (this.#deps.lives !== undefined)
      await assertParticipants(this.#deps.audio, this.#deps.lives, request, this.#deps.clock);
    const { tokenTtlMs, maxDurationMs, ...rest } = request;
    const plan: CallPlan = {
      ...rest,
      sessionId: `sess_${randomBytes(16).toString("hex")}`,
      principal: caller.id,
      maxDurationMs: Math.min(maxDurationMs ?? this.#settings.maxDurationMs, this.#settings.maxDurationMs),
    };
    const joinMs = tokenTtlMs ?? this.#settings.tokenTtlMs;
    const session = new CallSession(
      plan,
      this.#deps.clock,
      { ...this.#settings, joinMs },
      {
        changed: (changed, from) => this.#onState(changed, from),
        late: (late, reason) => this.end(late, reason),
      },
    );
    this.#sessions.set(session.id, session);
    try {
      await this.#reserve(session);
      await this.#deps.records.write({ event: "session.created", ...about(session) });
      await this.#media.link.request(session.id, "open", { rate: plan.rate, relayOnly: plan.relayOnly });
    } catch (error) {
      this.end(session, "error");
      throw error;
    }
    this.#router.open(session);
    return { session, ...this.credentials.mint(session, "join", joinMs) };
  }

  /** @throws BridgeError CALL_NOT_FOUND, also when the caller may not control the session */
  get(sessionId: string, caller: Caller): CallSession {
    const session = this.#sessions.get(sessionId);
    if (session === undefined || (caller.role !== "admin" && caller.id !== session.plan.principal))
      throw new BridgeError("CALL_NOT_FOUND", `There is no call ${sessionId}`);
    return session;
  }

  /** The session, unless it has ended. */
  findLive(sessionId: string): CallSession | undefined {
    const session = this.#sessions.get(sessionId);
    return session?.hasEnded === true ? undefined : session;
  }

  list(): CallSession[] {
    return [...this.#sessions.values()];
  }

  stats(session: CallSession): Promise<MediaStats> {
    return this.#media.link.request(session.id, "stats", null);
  }

  turn(session: CallSession): TurnCredentials | undefined {
    return this.credentials.turn(session);
  }

  /**
   * Answers the caller's offer.
   * @param isFresh whether the caller returns with a new peer connection, as after a page was reloaded
   * @throws BridgeError CALL_OFFER_REFUSED or CALL_STATE_CONFLICT
   */
  async offer(session: CallSession, sdp: string, isFresh: boolean): Promise<string> {
    session.assertLive();
    const fingerprint = /^a=fingerprint:(.+)$/m.exec(sdp)?.[1]?.trim();
    if (session.fingerprint !== undefined && session.fingerprint !== fingerprint) {
      if (!isFresh) {
        this.#refused("offer.refused", session, "fingerprint");
        throw new BridgeError("CALL_OFFER_REFUSED", "The offer comes from another peer than the call's");
      }
      await this.#media.reopen(session);
      if (session.isMuted) await this.mute(session, true);
    }
    session.candidates = [];
    session.isGathered = false;
    try {
      session.connecting();
      const answer = await this.#media.link.request(session.id, "answer", { sdp });
      session.fingerprint = fingerprint;
      return answer;
    } catch (error) {
      if (error instanceof BridgeError && error.code === "CALL_OFFER_REFUSED")
        this.#refused("offer.refused", session, error.message);
      throw error;
    }
  }

  /** The bridge's ICE candidates for the call, as far as they are found within the time. */
  async gathered(session: CallSession, withinMs: number): Promise<readonly IceCandidate[]> {
    const deadline = this.#deps.clock.monotonic() + withinMs;
    while (!session.isGathered && !session.hasEnded && this.#deps.clock.monotonic() < deadline)
      await delay(this.#deps.clock, 10);
    return session.candidates;
  }

  /** @returns whether the bridge sends checks to the candidate. If it does not, the checks of the caller connect the call. */
  async addCandidate(session: CallSession, candidate: string): Promise<boolean> {
    session.assertLive();
    const isTaken = await this.#media.link.request(session.id, "candidate", { candidate });
    if (!isTaken) this.#refused("candidate.refused", session, this.#settings.media.remoteCandidates);
    return isTaken;
  }

  async mute(session: CallSession, isMuted: boolean): Promise<void> {
    session.assertLive();
    session.isMuted = isMuted;
    await this.#media.link.request(session.id, "set", { muted: isMuted });
  }

  async hold(session: CallSession, isHeld: boolean): Promise<void> {
    session.hold(isHeld);
    await this.#media.link.request(session.id, "set", { held: isHeld });
  }

  /** The caller agrees to be recorded. Nothing is recorded before, or without `recordingWanted`. */
  consent(session: CallSession): void {
    session.assertLive();
    if (session.hasConsented) return;
    session.hasConsented = true;
    this.#deps.records.note({ event: "recording.consented", ...about(session) });
    if (!session.plan.recordingWanted) return;
    const { recordingsDirectory } = this.#settings;
    this.#router.record(session, new AudioRecorder(recordingsDirectory, session.id, session.plan.rate));
    this.#deps.records.note({ event: "recording.started", ...about(session) });
    for (const watcher of this.#watching(session)) watcher.recording?.();
  }

  isRecording(session: CallSession): boolean {
    return this.#router.isRecording(session);
  }

  /** Ends the calls that match. */
  endAll(reason: CallEndReason, isMeant: (session: CallSession) => boolean): void {
    for (const session of this.list()) if (!session.hasEnded && isMeant(session)) this.end(session, reason);
  }

  end(session: CallSession, reason: CallEndReason): void {
    if (session.hasEnded) return;
    if (this.isRecording(session)) this.#deps.records.note({ event: "recording.stopped", ...about(session) });
    session.end(reason);
    this.#router.close(session);
    this.#media.close(session);
    const budget = this.#budgets.get(session.id);
    this.#budgets.delete(session.id);
    budget?.end().catch((error: unknown) => this.#deps.logger.error({ error }, "A call could not be settled"));
    const timer = this.#deps.clock.after(shownAfterEndMs, () => {
      this.#forgetting.delete(timer);
      this.#sessions.delete(session.id);
      this.#watchers.delete(session.id);
    });
    this.#forgetting.add(timer);
  }

  /** @returns removes the watcher */
  watch(session: CallSession, watcher: CallWatcher): () => void {
    const watchers = this.#watchers.get(session.id) ?? new Set();
    this.#watchers.set(session.id, watchers.add(watcher));
    return () => watchers.delete(watcher);
  }

  #watching(session: CallSession): Iterable<CallWatcher> {
    return this.#watchers.get(session.id) ?? [];
  }

  async #admit(caller: Caller, { roomId, userId }: StartRequest): Promise<void> {
    const { records, rooms } = this.#deps;
    try {
      if (!(await rooms.mayCall(caller, roomId, userId)))
        throw new BridgeError("FORBIDDEN", `${caller.id} may not call in ${roomId}`);
      const live = this.list().filter((session) => !session.hasEnded);
      assertWithinLimits(caller.id, live, records, this.#settings.limits);
    } catch (error) {
      const why = error instanceof BridgeError ? error.code : "INTERNAL";
      records.noteRefusal({ event: "session.denied", roomId, principal: caller.id, detail: { why } });
      throw error;
    }
  }

  async #reserve(session: CallSession): Promise<void> {
    const { reservations, clock } = this.#deps;
    const budget = new CallBudget(reservations, clock, session.plan, () => this.end(session, "budget"));
    await budget.begin();
    this.#budgets.set(session.id, budget);
  }

  #refused(event: "offer.refused" | "candidate.refused", session: CallSession, why: string): void {
    this.#deps.records.noteRefusal({ event, ...about(session), detail: { why } });
  }

  #onState(session: CallSession, from: CallState): void {
    const { endReason, durationMs, state } = session;
    if (state === "active") this.#budgets.get(session.id)?.run();
    this.#deps.records.note(
      state === "ended"
        ? {
            event: "session.ended",
            ...about(session),
            detail: { reason: endReason ?? "error", duration_ms: durationMs },
          }
        : { event: "session.state", ...about(session), detail: { from, to: state } },
    );
    this.#deps.onState(session, from);
    for (const watcher of this.#watching(session)) watcher.state?.(session);
  }

  #onMedia(sessionId: string, event: MediaEvent): void {
    const session = this.findLive(sessionId);
    if (session === undefined) return;
    this.#update(session, event);
    for (const watcher of this.#watching(session)) watcher.media?.(event);
    this.#router.fromCaller(session, event);
  }

  /** Applies a media event to the session's state. */
  #update(session: CallSession, event: MediaEvent): void {
    if (event.kind === "candidate") {
      if (event.candidate === null) session.isGathered = true;
      else session.candidates.push(event.candidate);
    } else if (event.kind === "state") {
      if (event.state === "connected") session.connected();
      else if (event.state === "disconnected") session.lost();
      else if (event.state === "failed") this.end(session, "ice_failed");
    } else if (event.kind === "silence") this.#onSilence(session, event.silence);
  }

  #onSilence(session: CallSession, silence: Silence): void {
    const { records } = this.#deps;
    if (silence === "lost") this.end(session, "media_timeout");
    else if (silence === "restart") session.lost();
    else records.note({ event: silence === "resumed" ? "media.resumed" : "media.stalled", ...about(session) });
    if (silence === "resumed") session.connected();
  }
}
