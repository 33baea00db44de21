import { mkdirSync } from "node:fs";
import { BridgeError } from "@armorclaw/protocol/errors";
import type { Service } from "../../../lifecycle/index.ts";
import type { Logger } from "../../../logging/index.ts";
import type { Store } from "../../../store/index.ts";
import type { IdentityStatus, InboundEvent, Outgoing, RoomInfo, Verification } from "../protocol/worker-protocol.ts";
import { EventRecorder, type EventRecorderDeps } from "../rooms/event-recorder.ts";
import { forgetAll, readRooms } from "../rooms/room-store.ts";
import { RoomSuccessors } from "../rooms/room-successors.ts";
import { LinkEvents } from "./link-events.ts";
import { MediaTransfers } from "./media-transfers.ts";
import { parseRecoveryKey, RecoveryKeys } from "./recovery-keys.ts";
import { RoomUpgrades } from "./room-upgrades.ts";
import {
  type Credentials,
  forgetSession,
  loadSession,
  logIn,
  logOut,
  type SecretStore,
  type Session,
  saveSession,
} from "./session.ts";
import { StateChanges } from "./state-changes.ts";
import { VerificationRequests } from "./verification-requests.ts";
import type { WorkerClient } from "./worker-client.ts";
import { WorkerMessages } from "./worker-messages.ts";
import { removeKeys, workerOptions } from "./worker-options.ts";
import { type LinkStatus, type RoomNotice, WorkerSupervisor } from "./worker-supervisor.ts";

const loginDeadlineMs = 60_000;
const answerDeadlineMs = 15_000;

export interface MatrixAccountDeps extends EventRecorderDeps {
  readonly store: Store;
  readonly secrets: SecretStore;
  readonly logger: Logger;
  /** Holds the device's keys. */
  readonly directory: string;
  /** How long the homeserver may hold a sync without news. */
  readonly pollMs: number;
  /** The most events to fetch from a room's past after a time without connection. */
  readonly backfillMax: number;
  /** A link that is down for this long is reported as lost. */
  readonly lostAfterMs: number;
  /** The homeserver answers again: waiting messages may be sent. */
  readonly onLive: () => void;
  /** A member left the room. It may be the bridge's own account. */
  readonly onLeft: (roomId: string, userId: string) => void;
}

export interface MatrixStatus {
  readonly session: Pick<Session, "homeserver" | "userId" | "deviceId"> | undefined;
  /** `locked`: the keystore must be unlocked to read the login, if there is one. */
  readonly state: LinkStatus | "not_configured" | "locked";
  readonly identity: IdentityStatus | undefined;
  readonly lastSyncAtMs: number | undefined;
  readonly restarts: number;
  readonly error: string | undefined;
  readonly verifications: readonly Verification[];
}

/** The bridge's account on a homeserver: logs in and out, keeps the worker running and sends. */
export class MatrixAccount implements Service {
  readonly name = "matrix";
  readonly #deps: MatrixAccountDeps;
  readonly #recorder: EventRecorder;
  readonly #messages: WorkerMessages;
  readonly #events: LinkEvents;
  readonly recovery = new RecoveryKeys(() => this.#deps.secrets);
  readonly #changes = new StateChanges();
  readonly #successors: RoomSuccessors;
  readonly #upgrades: RoomUpgrades;
  readonly media = new MediaTransfers(
    () => this.#link(),
    (roomId) => this.#successors.current(roomId),
  );
  readonly verifications = new VerificationRequests(this.#changes, () => this.#link());
  #isStarted = false;
  #isLoggingIn = false;
  /** The login cannot be read before the keystore is unlocked. */
  #isLocked = false;
  #session: Session | undefined;
  #supervisor: WorkerSupervisor | undefined;
  #identity: IdentityStatus | undefined;
  /** Until when the homeserver's rate limit blocks the account, in monotonic time. */
  #blockedUntilMs = 0;

  constructor(deps: MatrixAccountDeps) {
    this.#deps = deps;
    const successors = new RoomSuccessors(deps.store, deps.trust);
    const configuredRoom = (roomId: string) => successors.configured(roomId);
    this.#successors = successors;
    this.#upgrades = new RoomUpgrades({
      ...deps,
      successors,
      join: (room, isEncrypted) => this.#link().call("join", { room, isEncrypted }),
      joined: deps.onLive,
    });
    const onIgnored = (event: InboundEvent) => (this.#upgrades.follow(event) ? undefined : deps.onIgnored?.(event));
    this.#recorder = new EventRecorder({ ...deps, configuredRoom, onIgnored });
    this.#messages = new WorkerMessages({
      logger: deps.logger,
      trust: deps.trust,
      recorder: this.#recorder,
      configuredRoom,
      joined: deps.onLive,
    });
    this.#events = new LinkEvents(deps);
  }

  /** Resumes the kept login, if there is one. Does not wait for the homeserver. */
  async start(): Promise<void> {
    mkdirSync(this.#deps.directory, { recursive: true, mode: 0o700 });
    this.#isStarted = true;
    await this.#resume();
  }

  /** The keystore was unlocked, so that the login can be read. */
  unlocked(): void {
    if (this.#isStarted)
      this.#resume().catch((error: unknown) => this.#deps.logger.error({ error }, "the login could not be read"));
  }

  async stop(): Promise<void> {
    this.#isStarted = false;
    this.#events.stop();
    await this.#supervisor?.stop();
    this.#supervisor = undefined;
  }

  /** Whether there is a login, or may be one in the locked keystore. */
  get hasLogin(): boolean {
    return this.#session !== undefined || this.#isLocked;
  }

  status(): MatrixStatus {
    const supervisor = this.#supervisor;
    return {
      session: this.#session,
      state: supervisor?.state ?? (this.#isLocked ? "locked" : "not_configured"),
      identity: this.#identity,
      lastSyncAtMs: supervisor?.lastSyncAtMs,
      restarts: supervisor?.restarts ?? 0,
      error: supervisor?.lastError,
      verifications: this.verifications.known,
    };
  }

  /**
   * Logs in and waits until the device is signed and its rooms are synced. After the homeserver ended an earlier login the account
   * keeps its identity, and after a soft logout also its device.
   * @param recoveryKey in the form that clients show: unlocks the account's existing identity
   */
  async logIn(homeserver: string, credentials: Credentials, recoveryKey?: string): Promise<MatrixStatus> {
    const ended = this.#session;
    const isEnded = this.#supervisor?.state === "logged_out";
    if (this.#isLoggingIn || (ended !== undefined && !isEnded)) throw new BridgeError("MATRIX_ALREADY_LOGGED_IN");
    // Checked before the homeserver creates a device whose keys could not be kept.
    this.#deps.secrets.assertOpen();
    const key = recoveryKey === undefined ? undefined : parseRecoveryKey(recoveryKey);
    const deadline = AbortSignal.timeout(loginDeadlineMs);
    this.#isLoggingIn = true;
    try {
      const isSoft = this.#supervisor?.isSoftLogout === true;
      const known = { kept: await this.recovery.all(), ended };
      const session = await logIn(homeserver, credentials, { recoveryKey: key, ...known, isSoft }, deadline);
      await this.#begin(session, ended);
      await this.#changes.until(() => this.#supervisor?.state === "live" || undefined, deadline);
      const password = credentials.kind === "password" ? credentials.password : undefined;
      await this.#identified(this.#link().call("secure", password === undefined ? {} : { password }, deadline));
      return this.status();
    } finally {
      this.#isLoggingIn = false;
    }
  }

  /** @returns whether the recovery key is kept for the next login */
  async logOut(forgetRecoveryKey: boolean): Promise<boolean> {
    const session = this.#session;
    if (session === undefined) throw this.#noSession();
    if (forgetRecoveryKey) this.#deps.secrets.assertOpen();
    await this.#supervisor?.stop();
    this.#events.stop();
    this.#supervisor = undefined;
    this.#session = undefined;
    this.#identity = undefined;
    // The keys are removed here even when the homeserver does not accept the logout.
    await forgetSession(this.#deps.secrets);
    if (forgetRecoveryKey) await this.recovery.forget(session.userId);
    this.#deps.store.writeNow(forgetAll);
    removeKeys(session, this.#deps.directory);
    await logOut(session, AbortSignal.timeout(10_000)).catch((error: unknown) =>
      this.#deps.logger.warn({ error }, "the homeserver did not accept the logout"),
    );
    return this.recovery.isKept(session.userId);
  }

  /**
   * Sends one event, once for each transaction id. Resolves when the homeserver has it.
   * @throws BridgeError of the 1400 block; those that are `retryable` may be tried again with the same transaction id
   */
  async send(outgoing: Outgoing, signal: AbortSignal): Promise<{ eventId: string }> {
    const { clock, trust } = this.#deps;
    const { roomId, transactionId } = outgoing;
    if (!trust.isTrustedRoom(roomId)) throw new BridgeError("MATRIX_ROOM_NOT_TRUSTED", undefined, { room_id: roomId });
    const link = this.#link();
    const blockedMs = this.#blockedUntilMs - clock.monotonic();
    if (blockedMs > 0)
      throw new BridgeError("MATRIX_RATE_LIMITED", undefined, { retry_after_ms: Math.ceil(blockedMs) });
    try {
      const { eventId } = await link.call("send", { ...outgoing, roomId: this.#successors.current(roomId) }, signal);
      await this.#recorder.sent({ transactionId, roomId, eventId });
      return { eventId };
    } catch (error) {
      if (error instanceof BridgeError && error.code === "MATRIX_RATE_LIMITED")
        this.#blockedUntilMs = clock.monotonic() + Number(error.details?.["retry_after_ms"] ?? 1000);
      throw error;
    }
  }

  /** Answers a trusted person who gave a command in a room that the configuration does not name. Nothing else is ever sent there. */
  async answerOutside(roomId: string, eventId: string): Promise<void> {
    const body = "This room is not in the bridge's configuration (matrix.rooms), so commands are not accepted here.";
    const content = {
      msgtype: "m.notice",
      body,
      "m.mentions": {},
      "m.relates_to": { "m.in_reply_to": { event_id: eventId } },
    };
    const outgoing = { roomId, type: "m.room.message", content, transactionId: `outside-${eventId}` };
    await this.#link().call("send", outgoing, AbortSignal.timeout(answerDeadlineMs));
  }

  rooms(signal: AbortSignal): Promise<readonly RoomInfo[]> {
    return this.#link().call("rooms", {}, signal);
  }

  /** The configured id of a homeserver's room. It differs after an upgrade that was followed. */
  configuredRoom(roomId: string): string {
    return this.#successors.configured(roomId);
  }

  async join(room: string, signal: AbortSignal): Promise<string> {
    const { roomId } = await this.#link().call("join", { room }, signal);
    this.#deps.onLive();
    return roomId;
  }

  /** Asks the homeserver whether the person is in the room. False for rooms that the bridge cannot read. */
  isMember(roomId: string, userId: string, signal: AbortSignal): Promise<boolean> {
    return this.#link().call("isMember", { roomId: this.#successors.current(roomId), userId }, signal);
  }

  #link(): WorkerClient {
    if (this.#session === undefined || this.#supervisor?.state === "logged_out") throw this.#noSession();
    const link = this.#supervisor?.link;
    if (link === undefined) throw new BridgeError("MATRIX_NOT_READY");
    return link;
  }

  #noSession(): BridgeError {
    if (this.#isLocked) return new BridgeError("KEYSTORE_LOCKED", "The login is in the keystore, which is locked");
    return new BridgeError("MATRIX_LOGGED_OUT", this.#supervisor?.lastError);
  }

  async #resume(): Promise<void> {
    try {
      const session = await loadSession(this.#deps.secrets);
      await this.recovery.all();
      this.#isLocked = false;
      if (session === undefined || this.#session !== undefined || !this.#isStarted) return;
      this.#session = session;
      this.#launch(session);
    } catch (error) {
      // The login is read when the keystore is unlocked.
      if (!(error instanceof BridgeError) || error.code !== "KEYSTORE_LOCKED") throw error;
      this.#isLocked = this.#session === undefined;
    }
  }

  /** Starts with the new login. The records of rooms are kept when the account is the same. */
  async #begin(session: Session, ended: Session | undefined): Promise<void> {
    const { secrets, store, directory } = this.#deps;
    await this.#supervisor?.stop();
    this.#supervisor = undefined;
    if (ended === undefined || ended.userId !== session.userId) store.writeNow(forgetAll);
    if (ended !== undefined && ended.storeKey !== session.storeKey) removeKeys(ended, directory);
    await saveSession(secrets, session);
    this.#session = session;
    this.#launch(session);
    this.#events.loggedIn(session);
  }

  #launch(session: Session): void {
    const { clock, logger, store, directory, pollMs, backfillMax } = this.#deps;
    const settings = { directory, pollMs, backfillMax };
    this.#supervisor = new WorkerSupervisor({
      clock,
      logger,
      pollMs,
      options: () => workerOptions(session, store.read(readRooms), { ...settings, nowMs: clock.now() }),
      message: (message, link) => this.#onNotice(message, link),
      stateChanged: (state, reason) => this.#stateChanged(state, reason),
    });
    this.#supervisor.start();
    this.#events.started(session);
  }

  #onNotice(message: RoomNotice, link: WorkerClient): void {
    const { logger, onLeft } = this.#deps;
    if (message.kind === "verification") this.verifications.note(message.verification);
    if (message.kind === "left") {
      onLeft(this.#successors.configured(message.roomId), message.userId);
      return;
    }
    this.#messages
      .record(message, link)
      .catch((error: unknown) =>
        logger.error({ error, kind: message.kind }, "a notice of the worker was not recorded"),
      );
  }

  #stateChanged(state: LinkStatus, reason: string | undefined): void {
    this.#deps.logger.info({ state, reason }, "the link to the homeserver");
    this.#changes.notify();
    const session = this.#session;
    if (session === undefined) return;
    if (state === "logged_out") this.#events.loggedOut(session, reason ?? "", this.#supervisor?.isSoftLogout === true);
    else if (state !== "connecting") this.#events.changed(state, session, reason);
    if (state !== "live") return;
    this.#deps.onLive();
    this.#readIdentity();
  }

  async #identified(reading: Promise<IdentityStatus>): Promise<void> {
    const session = this.#session;
    this.#identity = await reading;
    if (session !== undefined && session === this.#session && this.#identity.isRecoverable)
      await this.recovery.keep(session);
  }

  #readIdentity(): void {
    const reading = this.#supervisor?.link?.call("identity", {});
    if (reading !== undefined)
      this.#identified(reading).catch((error: unknown) =>
        this.#deps.logger.warn({ error }, "the device's identity could not be read"),
      );
  }
}
