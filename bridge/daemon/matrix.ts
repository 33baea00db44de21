import { join } from "node:path";
import { BridgeError, type EventData, type EventEnvelope } from "@armorclaw/protocol";
import type { Access } from "../access/index.ts";
import {
  approvalPrompt,
  decisionNotice,
  failureText,
  type Inbound,
  type InboundReaction,
  MatrixAccount,
  type MatrixTrust,
  type MethodCalls,
  matrixDestination,
  type Outgoing,
  OutgoingMessages,
  questionKey,
  type RoomCallEvent,
  RoomCommands,
  type RoomMember,
  reactionAnswer,
  reactionHint,
  roomMessage,
  roomSegment,
  sealedSecrets,
} from "../adapters/matrix/index.ts";
import { matrixHandlers } from "../api/matrix.ts";
import type { Config } from "../config/index.ts";
import { type DurableEventLog, EffectConsumer } from "../events/index.ts";
import type { Keystore } from "../keystore/index.ts";
import type { Logging } from "../logging/index.ts";
import type { Outbox } from "../outbox/index.ts";
import type { Clock } from "../platform/clock.ts";
import type { LocalCaller } from "../rpc/index.ts";
import type { Sql, Store } from "../store/index.ts";

export interface RoomDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: DurableEventLog;
  readonly logging: Logging;
  readonly config: Config;
  readonly keystore: Keystore;
  readonly access: Access;
  /** Made after the rooms, which are one of its destinations. */
  readonly outbox: () => Outbox;
  /** Made after the rooms, whose methods are among them. */
  readonly calls: () => LocalCaller;
}

/** What happens in rooms, for the parts of the bridge that depend on it. */
export interface RoomListener {
  /** Somebody who was in the room is not any more. It may be the bridge's own account. */
  left(roomId: string, userId: string): void;
  /** The link to the homeserver is up again: who left meanwhile was not told. */
  live(): void;
  /** Something of a call, whoever sent it. */
  call(event: RoomCallEvent): void;
}

/** The bridge's sight of rooms. */
export interface RoomSight {
  readonly trust: MatrixTrust;
  /** The bridge's own account; undefined while it is logged out. */
  ownId(): string | undefined;
  /** @throws BridgeError while it cannot be known */
  isMember(roomId: string, userId: string): Promise<boolean>;
  /** The bridge's methods, with the rights of somebody in a room. */
  readonly methods: MethodCalls;
  /** Sends what is worth nothing later: it does not wait in the outbox. */
  send(outgoing: Outgoing, signal: AbortSignal): Promise<unknown>;
  listen(listener: Partial<RoomListener>): void;
}

/** How long the homeserver may take to say who is in a room. */
const memberDeadlineMs = 10_000;

/** Constructs the link to the homeserver, and what people do and are asked in its rooms. */
export function composeRooms(deps: RoomDeps) {
  const { store, clock, log, config, keystore, access, outbox } = deps;
  const logger = deps.logging.child("matrix");
  const trust = trustOf(config.matrix, access);
  const listeners = new Set<Partial<RoomListener>>();
  const adapter: MatrixAccount = new MatrixAccount({
    store,
    clock,
    logger,
    trust,
    events: log,
    secrets: sealedSecrets(store, () => keystore.internalKey("matrix")),
    directory: join(config.stateDir, "matrix"),
    pollMs: config.matrix.pollMs,
    backfillMax: config.matrix.backfillMax,
    lostAfterMs: config.matrix.lostAfterMs,
    onInbound: (inbound) => {
      heard(inbound).catch((error: unknown) => logger.error({ error }, "what was said in a room was not dealt with"));
    },
    onLive: () => {
      outbox().reachable("matrix");
      for (const listener of listeners) listener.live?.();
    },
    onCall: (event) => {
      for (const listener of listeners) listener.call?.(event);
    },
    onLeft: (roomId, userId) => {
      for (const listener of listeners) listener.left?.(roomId, userId);
    },
  });
  const posts = new OutgoingMessages({ store, log, outbox, trust, isLoggedIn: () => adapter.hasLogin });
  const call = (method: string, params: object, { id, role }: RoomMember) =>
    deps.calls().call(method, params, { kind: "matrix", id, role });
  const methods = { effectOf: (method: string) => deps.calls().effectOf(method), call };
  const answer = async (message: { room_id: string; event_id: string; thread_id?: string }, text: string) => {
    const threadId = message.thread_id ?? message.event_id;
    await posts.post(message.room_id, { text, msgtype: "m.notice", threadId }, `answer:${message.event_id}`);
  };
  const isAskedIn = (approvalId: string, roomId: string) => posts.isAskedIn(approvalId, roomId);
  const commands = new RoomCommands(
    { clock, trust, methods, isAskedIn, answer },
    { require: config.matrix.commandTrust },
  );
  const heard = async (inbound: Inbound) => {
    if (inbound.type === "matrix.message") await commands.handle(inbound.data);
    else if (inbound.type === "matrix.reaction") await reacted(inbound.data);
  };
  const reacted = async (reaction: InboundReaction) => {
    const { sender, room_id: roomId, event_id: eventId, target_event_id: target, key } = reaction;
    const [role, method] = [trust.roleOf(sender), reactionAnswer(key)];
    const approvalId = posts.approvalAskedBy(target, roomId);
    if (role === undefined || method === undefined || approvalId === undefined) return;
    const say = async (text: string, dedupeKey: string) => {
      await posts.post(roomId, { text, msgtype: "m.notice", threadId: target }, dedupeKey);
    };
    if (!config.matrix.reactionApprovals) return await say(reactionHint(approvalId), `hint:${approvalId}`);
    try {
      await call(method, { approval_id: approvalId }, { id: `matrix:${sender}`, userId: sender, role });
    } catch (error) {
      if (error instanceof BridgeError) await say(failureText(error), `answer:${eventId}`);
      else throw error;
    }
  };
  keystore.whenUnlocked(() => adapter.unlocked());
  const sight: RoomSight = {
    trust,
    methods,
    send: (outgoing, signal) => adapter.send(outgoing, signal),
    ownId: () => adapter.status().session?.userId,
    isMember: (roomId, userId) => adapter.isMember(roomId, userId, AbortSignal.timeout(memberDeadlineMs)),
    listen: (listener) => void listeners.add(listener),
  };
  return {
    sight,
    destination: matrixDestination(adapter),
    services: [adapter, approvalQuestions(deps)],
    handlers: matrixHandlers({
      adapter,
      posts,
      log,
      access,
      trust,
      homeserver: config.matrix.homeserver,
      mayReveal: config.keystore.reveal,
    }),
  };
}

interface LoopChannels {
  readonly subscribe?: readonly string[] | undefined;
  readonly publish?: readonly string[] | undefined;
}

/** A loop's channels with those of the rooms that it was given. */
export function withRooms({ subscribe = [], publish = [] }: LoopChannels = {}, rooms: readonly string[] = []) {
  const channels = rooms.map((roomId) => `matrix.${roomSegment(roomId)}.>`);
  return { subscribe: [...subscribe, ...channels], publish: [...publish, ...channels] };
}

function trustOf({ rooms, users }: Config["matrix"], access: Access) {
  const roomIds = new Set(rooms);
  const assigned = (userId: string) => {
    const role = access.roleOf(`matrix:${userId}`);
    return role === "agent" || role === null ? undefined : role;
  };
  const trust: MatrixTrust & { readonly rooms: number; readonly users: number } = {
    rooms: roomIds.size,
    users: Object.keys(users).length,
    isTrustedRoom: (roomId) => roomIds.has(roomId),
    roleOf: (userId) => (Object.hasOwn(users, userId) ? users[userId] : assigned(userId)),
  };
  return trust;
}

/** Puts each question of an agent to the people of a room, exactly once, and then how it ended. */
function approvalQuestions({ store, log, logging, config, outbox }: RoomDeps): EffectConsumer {
  const roomId = config.matrix.approvalRoom ?? config.matrix.rooms[0];
  const queue = (sql: Sql, key: string, text: string, more: { approvalId?: string; threadId?: string }) => {
    // A notice would make no phone ring.
    const msgtype = more.approvalId === undefined ? "m.notice" : "m.text";
    if (roomId !== undefined) outbox().queue(sql, roomMessage(roomId, key, { text, msgtype, ...more }));
  };
  const asked = (sql: Sql, data: EventData<"approval.requested">) =>
    queue(sql, questionKey(data.approval_id), approvalPrompt(data), { approvalId: data.approval_id });
  const decided = (sql: Sql, data: EventData<"approval.decided">) => {
    const notice = decisionNotice(data);
    const question = outbox().find(sql, "matrix", questionKey(data.approval_id));
    if (notice === undefined || question === undefined) return;
    const thread = question.receipt === null ? {} : { threadId: question.receipt };
    queue(sql, `approval-${data.status}:${data.approval_id}`, notice, thread);
  };
  return new EffectConsumer(
    { store, log, logger: logging.child("matrix") },
    {
      name: "matrix-approvals",
      selector: { channels: [">"], types: ["approval.requested", "approval.decided"] },
      handle: (event: EventEnvelope, sql) => {
        // The bridge's own types have the contract's data.
        if (event.type === "approval.requested") asked(sql, event.data as EventData<"approval.requested">);
        else decided(sql, event.data as EventData<"approval.decided">);
      },
      onCommitted: () => outbox().kick(),
    },
  );
}
