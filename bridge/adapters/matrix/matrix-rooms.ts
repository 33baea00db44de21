import { BridgeError, type Principal } from "@armorclaw/protocol";
import type { DurableEventLog } from "../../events/index.ts";
import type { Service } from "../../lifecycle/index.ts";
import type { Logger } from "../../logging/index.ts";
import type { Destination, Outbox } from "../../outbox/index.ts";
import type { Clock } from "../../platform/clock.ts";
import type { LocalCaller } from "../../rpc/index.ts";
import type { Store } from "../../store/index.ts";
import { MatrixAccount } from "./link/matrix-account.ts";
import { sealedSecrets } from "./link/sealed-secrets.ts";
import type { RoomCallEvent } from "./protocol/call-events.ts";
import type { InboundEvent, Outgoing } from "./protocol/worker-protocol.ts";
import { RoomApprovals } from "./rooms/approvals.ts";
import { isCommand, type MethodCalls, parseCommand, RoomCommands } from "./rooms/commands.ts";
import { matrixDestination } from "./rooms/destination.ts";
import type { Inbound, InboundRedaction, MatrixRole, MatrixTrust } from "./rooms/inbound.ts";
import { OutgoingMessages } from "./rooms/outgoing-messages.ts";
import { approvalOf, codeOf } from "./rooms/questions.ts";
import { RefusedCommands } from "./rooms/refused-commands.ts";

/** The homeserver's time to answer who is in a room. */
const memberDeadlineMs = 10_000;

export interface MatrixSettings {
  readonly rooms: readonly string[];
  readonly users: Readonly<Record<string, MatrixRole>>;
  readonly pollMs: number;
  readonly backfillMax: number;
  readonly lostAfterMs: number;
  readonly approvalRoom?: string | undefined;
  readonly commandTrust: "verified" | "encrypted" | "nothing";
  readonly reactionApprovals: boolean;
}

export interface MatrixRoomsDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: DurableEventLog;
  readonly logger: Logger;
  readonly outbox: Outbox;
  readonly caller: LocalCaller;
  /** The key that the account's secrets are sealed with. */
  readonly sealKey: Parameters<typeof sealedSecrets>[1];
  /** The role that an admin has assigned to a principal. */
  readonly roleOf: (principal: string) => Principal["role"] | null;
  /** Records a call that a person in a room was refused before it was made. */
  readonly refused?: ((principal: string, method: string) => void) | undefined;
  /** Holds the account's files. */
  readonly directory: string;
}

/** Receives what happens in rooms, for the parts of the bridge that depend on it. */
export interface RoomListener {
  /** A member has left the room. The member may be the bridge's own account. */
  left(roomId: string, userId: string): void;
  /** The link to the homeserver is up again. Members may have left while it was down. */
  live(): void;
  /** A call event, from any sender. */
  call(event: RoomCallEvent): void;
}

/** The bridge's account on Matrix and its rooms: messages, commands, approvals, and the members of rooms. */
export class MatrixRooms {
  readonly account: MatrixAccount;
  readonly posts: OutgoingMessages;
  readonly trust: MatrixTrust & { readonly rooms: number; readonly users: number };
  /** The bridge's methods, with the rights of a person in a room. */
  readonly methods: MethodCalls;
  readonly destination: Destination;
  readonly services: readonly Service[];
  readonly #logger: Logger;
  readonly #commands: RoomCommands;
  readonly #approvals: RoomApprovals;
  readonly #refused: RefusedCommands;
  readonly #listeners = new Set<Partial<RoomListener>>();

  constructor(deps: MatrixRoomsDeps, settings: MatrixSettings) {
    const { store, clock, log, logger, outbox, caller, sealKey, directory } = deps;
    this.#logger = logger;
    this.trust = trustOf(settings, deps.roleOf);
    this.account = new MatrixAccount({
      store,
      clock,
      logger,
      trust: this.trust,
      events: log,
      secrets: sealedSecrets(store, sealKey),
      directory,
      pollMs: settings.pollMs,
      backfillMax: settings.backfillMax,
      lostAfterMs: settings.lostAfterMs,
      onInbound: (inbound) => this.#onInbound(inbound),
      onIgnored: (event) => this.#onIgnored(event),
      onLive: () => {
        outbox.reachable("matrix");
        for (const listener of this.#listeners) listener.live?.();
      },
      onCall: (event) => {
        for (const listener of this.#listeners) listener.call?.(event);
      },
      onLeft: (roomId, userId) => {
        for (const listener of this.#listeners) listener.left?.(roomId, userId);
      },
    });
    this.destination = matrixDestination(this.account);
    const { trust } = this;
    const posts = new OutgoingMessages({ store, log, outbox, trust, isLoggedIn: () => this.account.hasLogin });
    this.posts = posts;
    const methods: MethodCalls = {
      effectOf: (method) => caller.effectOf(method),
      call: (method, params, { id, role }) => caller.call(method, params, { kind: "matrix", id, role }),
    };
    this.methods = methods;
    this.#refused = new RefusedCommands({
      clock,
      logger,
      publish: (draft) => log.transact((_, emit) => emit(draft)),
      audit: (principal, method) => deps.refused?.(principal, method),
    });
    this.#commands = new RoomCommands(
      {
        clock,
        trust,
        methods,
        approvalOf: (code, roomId) => store.read((sql) => approvalOf(sql, code, roomId)),
        codeOf: (approvalId, roomId) => store.read((sql) => codeOf(sql, approvalId, roomId)),
        refused: (command) => void this.#refused.note(command),
        answerEdit: async ({ room_id, event_id, target_event_id }, text) => {
          // A thread cannot begin at an edit.
          await posts.post(room_id, { text, msgtype: "m.notice", replyTo: target_event_id }, `answer:${event_id}`);
        },
        answer: async ({ room_id, event_id, thread_id = event_id }, text) => {
          await posts.post(room_id, { text, msgtype: "m.notice", threadId: thread_id }, `answer:${event_id}`);
        },
      },
      { require: settings.commandTrust },
    );
    this.#approvals = new RoomApprovals({ store, log, logger, outbox, posts, trust, methods }, settings);
    this.services = [this.account, this.#approvals.questions];
  }

  /** The bridge's own account; undefined while it is logged out. */
  get ownId(): string | undefined {
    return this.account.status().session?.userId;
  }

  /** The configured ids of the rooms that the bridge is in; undefined while the homeserver does not answer. */
  async joined(): Promise<{ isLoggedIn: boolean; joined: ReadonlySet<string> | undefined }> {
    const { account } = this;
    if (!account.hasLogin || account.status().state === "logged_out") return { isLoggedIn: false, joined: undefined };
    try {
      const rooms = await account.rooms(AbortSignal.timeout(memberDeadlineMs));
      const inside = rooms.filter(({ membership }) => membership === "join");
      return { isLoggedIn: true, joined: new Set(inside.map(({ roomId }) => account.configuredRoom(roomId))) };
    } catch (error) {
      if (error instanceof BridgeError) return { isLoggedIn: true, joined: undefined };
      throw error;
    }
  }

  /** @throws BridgeError while the homeserver does not answer */
  isMember(roomId: string, userId: string): Promise<boolean> {
    return this.account.isMember(roomId, userId, AbortSignal.timeout(memberDeadlineMs));
  }

  /** Sends a message that has no value later, and so does not wait in the outbox. */
  send(outgoing: Outgoing, signal: AbortSignal): Promise<unknown> {
    return this.account.send(outgoing, signal);
  }

  listen(listener: Partial<RoomListener>): void {
    this.#listeners.add(listener);
  }

  /** A command of a stranger, or in a room that is not configured, is not executed. The operator finds that somebody tried. */
  #onIgnored({ type, content, roomId, eventId, sender }: InboundEvent): void {
    const text = content["body"];
    if (type !== "m.room.message" || typeof text !== "string" || !isCommand(text)) return;
    const isStranger = this.trust.roleOf(sender) === undefined;
    const [command] = parseCommand(text.slice(0, 1_000));
    const reason = isStranger ? "unknown_sender" : "unknown_room";
    const isNoted = this.#refused.note({ roomId, eventId, sender, command, method: "matrix.command", reason });
    if (isStranger || !isNoted) return;
    this.account
      .answerOutside(roomId, eventId)
      .catch((error: unknown) => this.#logger.info({ error }, "a person in another room could not be answered"));
  }

  async #onRedaction(redaction: InboundRedaction): Promise<void> {
    const { room_id: roomId, sender, target_event_id: target } = redaction;
    await this.#approvals.onRedaction(redaction);
    if (this.trust.roleOf(sender) === undefined || !this.posts.isQueued(`answer:${target}`)) return;
    const text = "The command that was removed had been answered already. Removing it undoes nothing.";
    await this.posts.post(roomId, { text, msgtype: "m.notice", replyTo: target }, `redacted:${target}`);
  }

  #onInbound(inbound: Inbound): void {
    this.#handle(inbound).catch((error: unknown) => {
      this.#logger.error({ error }, "A message from a room could not be handled");
    });
  }

  async #handle(inbound: Inbound): Promise<void> {
    if (inbound.type === "matrix.message") await this.#commands.handle(inbound.data);
    else if (inbound.type === "matrix.edited") await this.#commands.handleEdit(inbound.data);
    else if (inbound.type === "matrix.redacted") await this.#onRedaction(inbound.data);
    else if (inbound.type === "matrix.reaction") await this.#approvals.onReaction(inbound.data);
  }
}

function trustOf({ rooms, users }: MatrixSettings, roleOf: MatrixRoomsDeps["roleOf"]): MatrixRooms["trust"] {
  const roomIds = new Set(rooms);
  const assigned = (userId: string) => {
    const role = roleOf(`matrix:${userId}`);
    return role === "agent" || role === null ? undefined : role;
  };
  return {
    rooms: roomIds.size,
    users: Object.keys(users).length,
    isTrustedRoom: (roomId) => roomIds.has(roomId),
    roleOf: (userId) => (Object.hasOwn(users, userId) ? users[userId] : assigned(userId)),
  };
}
