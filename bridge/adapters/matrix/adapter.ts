import { mkdirSync } from "node:fs";
import { BridgeError } from "@armorclaw/protocol/errors";
import type { Service } from "../../lifecycle/lifecycle.ts";
import type { Logger } from "../../logging/logging.ts";
import type { Store } from "../../store/store.ts";
import { Changes } from "./changes.ts";
import { type KeptState, LinkKeeper, type LinkMessage } from "./link-keeper.ts";
import { Recorder, type RecorderDeps } from "./recorder.ts";
import { parseRecoveryKey } from "./recovery-key.ts";
import { forgetAll, readRooms } from "./room-records.ts";
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
import { VerificationDesk } from "./verification-desk.ts";
import { removeKeys, workerAccount } from "./worker-account.ts";
import type { WorkerLink } from "./worker-link.ts";
import type { IdentityStatus, Outgoing, RoomInfo, Upload, Uploaded, Verification } from "./worker-protocol.ts";

const loginDeadlineMs = 60_000;

export interface MatrixDeps extends RecorderDeps {
  readonly store: Store;
  readonly secrets: SecretStore;
  readonly logger: Logger;
  /** Holds the device's keys. */
  readonly directory: string;
  /** The homeserver answers again: what waits for it may be sent. */
  readonly onLive: () => void;
  /** Somebody who was in the room is not any more. It may be the bridge's own account. */
  readonly onLeft: (roomId: string, userId: string) => void;
}

export interface MatrixStatus {
  readonly session: Pick<Session, "homeserver" | "userId" | "deviceId"> | undefined;
  readonly state: KeptState | "logged_out";
  readonly identity: IdentityStatus | undefined;
  readonly lastSyncAtMs: number | undefined;
  readonly restarts: number;
  readonly error: string | undefined;
  readonly verifications: readonly Verification[];
}

/** The bridge's account on a homeserver. */
export class MatrixAdapter implements Service {
  readonly name = "matrix";
  readonly #deps: MatrixDeps;
  readonly #recorder: Recorder;
  #isStarted = false;
  #session: Session | undefined;
  #keeper: LinkKeeper | undefined;
  #identity: IdentityStatus | undefined;
  /** The homeserver asked for silence until then, from the whole account. */
  #silentUntilMs = 0;
  readonly #changes = new Changes();
  readonly verifications = new VerificationDesk(this.#changes, () => this.#link());

  constructor(deps: MatrixDeps) {
    this.#deps = deps;
    this.#recorder = new Recorder(deps);
  }

  /** Goes on with the login that is kept, if there is one. Does not wait for the homeserver. */
  async start(): Promise<void> {
    mkdirSync(this.#deps.directory, { recursive: true, mode: 0o700 });
    this.#isStarted = true;
    await this.#goOn();
  }

  /** The keystore is open: the login can be read. */
  unlocked(): void {
    if (this.#isStarted)
      this.#goOn().catch((error: unknown) => this.#deps.logger.error({ error }, "the login could not be read"));
  }

  async stop(): Promise<void> {
    this.#isStarted = false;
    await this.#keeper?.stop();
    this.#keeper = undefined;
  }

  status(): MatrixStatus {
    return {
      session: this.#session,
      state: this.#keeper?.state ?? "logged_out",
      identity: this.#identity,
      lastSyncAtMs: this.#keeper?.lastSyncAtMs,
      restarts: this.#keeper?.restarts ?? 0,
      error: this.#keeper?.lastError,
      verifications: this.verifications.known,
    };
  }

  /**
   * Logs in and waits until the device is signed and its rooms are synced.
   * @param recoveryKey as clients show it: opens the identity that the account has already
   */
  async logIn(homeserver: string, credentials: Credentials, recoveryKey?: string): Promise<MatrixStatus> {
    const { secrets, store } = this.#deps;
    if (this.#session !== undefined) throw new BridgeError("MATRIX_ALREADY_LOGGED_IN");
    const deadline = AbortSignal.timeout(loginDeadlineMs);
    const key = recoveryKey === undefined ? undefined : parseRecoveryKey(recoveryKey);
    const session = await logIn(homeserver, credentials, key, deadline);
    store.writeNow(forgetAll);
    await saveSession(secrets, session);
    this.#session = session;
    this.#keep(session);
    await this.#changes.until(() => this.#keeper?.state === "live" || undefined, deadline);
    const password = credentials.kind === "password" ? credentials.password : undefined;
    this.#identity = await this.#link().call("secure", password === undefined ? {} : { password }, deadline);
    return this.status();
  }

  async logOut(): Promise<void> {
    const session = this.#session;
    if (session === undefined) throw new BridgeError("MATRIX_LOGGED_OUT");
    await this.stop();
    this.#session = undefined;
    this.#identity = undefined;
    // The keys are forgotten here whatever the homeserver says to it.
    await forgetSession(this.#deps.secrets);
    this.#deps.store.writeNow(forgetAll);
    removeKeys(session, this.#deps.directory);
    await logOut(session, AbortSignal.timeout(10_000)).catch((error: unknown) =>
      this.#deps.logger.warn({ error }, "the homeserver did not take the logout"),
    );
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
    const silentMs = this.#silentUntilMs - clock.monotonic();
    if (silentMs > 0) throw new BridgeError("MATRIX_RATE_LIMITED", undefined, { retry_after_ms: Math.ceil(silentMs) });
    try {
      const { eventId } = await link.call("send", outgoing, signal);
      await this.#recorder.sent({ transactionId, roomId, eventId });
      return { eventId };
    } catch (error) {
      if (error instanceof BridgeError && error.code === "MATRIX_RATE_LIMITED")
        this.#silentUntilMs = clock.monotonic() + Number(error.details?.["retry_after_ms"] ?? 1000);
      throw error;
    }
  }

  /** Puts a file where an event of the room can point to it: encrypted where the room is. */
  upload(upload: Upload, signal: AbortSignal): Promise<Uploaded> {
    return this.#link().call("upload", upload, signal);
  }

  rooms(signal: AbortSignal): Promise<readonly RoomInfo[]> {
    return this.#link().call("rooms", {}, signal);
  }

  async join(room: string, signal: AbortSignal): Promise<string> {
    return (await this.#link().call("join", { room }, signal)).roomId;
  }

  /** Whether the person is in the room now, by the homeserver. Nobody is in a room that the bridge cannot look into. */
  isMember(roomId: string, userId: string, signal: AbortSignal): Promise<boolean> {
    return this.#link().call("isMember", { roomId, userId }, signal);
  }

  #link(): WorkerLink {
    if (this.#session === undefined) throw new BridgeError("MATRIX_LOGGED_OUT");
    const link = this.#keeper?.link;
    if (link === undefined) throw new BridgeError("MATRIX_NOT_READY");
    return link;
  }

  async #goOn(): Promise<void> {
    if (this.#session !== undefined) return;
    try {
      this.#session = await loadSession(this.#deps.secrets);
    } catch (error) {
      // It is read when the keystore is unlocked.
      if (error instanceof BridgeError && error.code === "KEYSTORE_LOCKED") return;
      throw error;
    }
    if (this.#session !== undefined) this.#keep(this.#session);
  }

  #keep(session: Session): void {
    const { clock, logger, store, directory } = this.#deps;
    this.#keeper = new LinkKeeper({
      clock,
      logger,
      account: () => workerAccount(session, store.read(readRooms), directory, clock.now()),
      message: (message, link) => this.#heard(message, link),
      stateChanged: (state, reason) => this.#stateChanged(state, reason),
    });
    this.#keeper.start();
  }

  #heard(message: LinkMessage, link: WorkerLink): void {
    if (message.kind === "verification") this.verifications.note(message.verification);
    if (message.kind === "left") {
      this.#deps.onLeft(message.roomId, message.userId);
      return;
    }
    this.#record(message, link).catch((error: unknown) =>
      this.#deps.logger.error({ error, kind: message.kind }, "what came from the homeserver could not be written down"),
    );
  }

  async #record(message: LinkMessage, link: WorkerLink): Promise<void> {
    switch (message.kind) {
      case "inbound": {
        const { eventId } = message.event;
        const isStored = await this.#recorder.inbound(message.event).then(
          () => true,
          (error: unknown) => {
            this.#deps.logger.error({ error }, "an event of a room could not be stored");
            return false;
          },
        );
        // Where it was not stored the worker ends, and fetches it again after its restart.
        await link.call("stored", { eventId, isStored });
        return;
      }
      case "cursor":
        return await this.#recorder.moved(message.roomId, message.eventId);
      case "encrypted":
        return await this.#recorder.encrypted(message.roomId);
      case "echo":
        return await this.#recorder.echo(message, message.sentAtMs);
      case "receipt":
        return await this.#recorder.read(message.roomId, message.userId, message.upToMs);
      case "invite":
        return await this.#invited(message.roomId, message.inviter, link);
      case "verification": {
        const { flowId, userId, state, emoji } = message.verification;
        const data = { flow_id: flowId, user_id: userId, state, emoji };
        return await this.#publish("matrix.verification", "high", data);
      }
    }
  }

  /** Only a trusted person's invitation to a room that the configuration names is followed. */
  async #invited(roomId: string, inviter: string, link: WorkerLink): Promise<void> {
    const { trust } = this.#deps;
    if (trust.roleOf(inviter) !== undefined && trust.isTrustedRoom(roomId)) await link.call("join", { room: roomId });
    else await this.#publish("matrix.invited", "normal", { room_id: roomId, inviter });
  }

  #publish(type: string, priority: "normal" | "high", data: Readonly<Record<string, unknown>>): Promise<void> {
    return this.#recorder.publish({ channel: type, type, source: "bridge", priority, data });
  }

  #stateChanged(state: KeptState, reason: string | undefined): void {
    this.#deps.logger.info({ state, reason }, "the link to the homeserver");
    this.#changes.tell();
    const data = { state, ...(reason === undefined ? {} : { reason }) };
    this.#publish("matrix.link", "high", data).catch((error: unknown) =>
      this.#deps.logger.error({ error }, "the link's state could not be published"),
    );
    if (state !== "live") return;
    this.#deps.onLive();
    this.#readIdentity();
  }

  #readIdentity(): void {
    this.#keeper?.link
      ?.call("identity", {})
      .then((identity) => {
        this.#identity = identity;
      })
      .catch((error: unknown) => this.#deps.logger.warn({ error }, "the device's identity could not be read"));
  }
}
