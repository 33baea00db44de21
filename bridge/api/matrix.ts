import { BridgeError, type MethodsOf, type Params } from "@armorclaw/protocol";
import type { Credentials, MatrixRooms, OutgoingMessage, RoomReader, Verification } from "../adapters/matrix/index.ts";
import type { Call, Handlers, StreamingCall } from "../rpc/index.ts";
import { Base64, itemBytes } from "../rpc/index.ts";

export interface MatrixHandlerDeps {
  readonly rooms: MatrixRooms;
  readonly reader: RoomReader;
  /** The configuration's homeserver. */
  readonly homeserver: string | undefined;
  /** Whether an admin may read a recovery key. */
  readonly mayReveal: boolean;
}

export function matrixHandlers(deps: MatrixHandlerDeps): Handlers<MethodsOf<"matrix">> {
  const { reader, rooms } = deps;
  const { account: adapter, trust } = rooms;
  return {
    "matrix.login": async (params) => {
      const homeserver = params.homeserver ?? deps.homeserver;
      if (homeserver === undefined)
        throw new BridgeError("MATRIX_LOGIN_FAILED", "No homeserver is named, here or in the configuration");
      const { session, identity } = await adapter.logIn(homeserver, credentials(params), params.recovery_key?.reveal());
      if (session === undefined) throw new BridgeError("MATRIX_LOGGED_OUT");
      return {
        status: "logged_in",
        user_id: session.userId,
        device_id: session.deviceId,
        homeserver: session.homeserver,
        is_cross_signed: identity?.isCrossSigned ?? false,
        backup_version: identity?.backupVersion ?? null,
      };
    },
    "matrix.logout": async ({ forget_recovery_key: forget }) => ({
      status: "logged_out",
      recovery_key_kept: await adapter.logOut(forget),
    }),
    "matrix.recovery_key": async ({ user_id: wanted }) => {
      if (!deps.mayReveal) throw new BridgeError("REVEAL_DISABLED");
      const { userId, shown } = await adapter.recovery.show(wanted);
      return { user_id: userId, recovery_key: shown };
    },
    "matrix.status": () => status(rooms),
    "matrix.send": async (params, call) => {
      reader.assertMayUse(call.principal, params.room_id, "publish");
      return await send(rooms, params, call);
    },
    "matrix.receive": (params, call) => receive(reader, params, call),
    "matrix.rooms": async (_, { signal }) => {
      const rooms = await adapter.rooms(signal);
      return {
        rooms: rooms.map(({ roomId, inviter, ...room }) => ({
          room_id: roomId,
          ...room,
          is_trusted: trust.isTrustedRoom(adapter.configuredRoom(roomId)),
          ...(adapter.configuredRoom(roomId) === roomId ? {} : { successor_of: adapter.configuredRoom(roomId) }),
          ...(inviter === undefined ? {} : { inviter }),
        })),
      };
    },
    "matrix.download": (params, call) => download(reader, params, call),
    "matrix.join": async ({ room }, { signal }) => {
      const roomId = await adapter.join(room, signal);
      return { room_id: roomId, is_trusted: trust.isTrustedRoom(roomId) };
    },
    "matrix.verify": async ({ user_id: userId, flow_id: flowId, is_equal: isEqual, wait_ms: waitMs }, call) => {
      const signal = AbortSignal.any([call.signal, AbortSignal.timeout(waitMs)]);
      if (userId !== undefined && flowId === undefined)
        return wireVerification(await adapter.verifications.verify(userId, signal));
      if (flowId !== undefined && isEqual !== undefined && userId === undefined)
        return wireVerification(await adapter.verifications.compare(flowId, isEqual, signal));
      throw new BridgeError("INVALID_PARAMS", "Give either user_id, or flow_id and is_equal");
    },
  };
}

function credentials({ username, password, token, login_token: loginToken }: Params<"matrix.login">): Credentials {
  if (username !== undefined && password !== undefined && token === undefined && loginToken === undefined)
    return { kind: "password", username, password: password.reveal() };
  if (username === undefined && password === undefined) {
    if (token !== undefined && loginToken === undefined) return { kind: "access_token", token: token.reveal() };
    if (loginToken !== undefined && token === undefined) return { kind: "login_token", token: loginToken.reveal() };
  }
  throw new BridgeError("INVALID_PARAMS", "Give username and password, or token, or login_token");
}

function status({ account: adapter, trust }: MatrixRooms) {
  const { session, state, identity, lastSyncAtMs, restarts, error, verifications } = adapter.status();
  const isLive = state === "live";
  const words = {
    live: "connected",
    reconnecting: "disconnected",
    restarting: "disconnected",
    not_configured: "not_configured",
    locked: "locked",
    connecting: "connecting",
    logged_out: "logged_out",
  } as const;
  return {
    enabled: adapter.hasLogin,
    status: words[state],
    connected: isLive,
    logged_in: session !== undefined && state !== "logged_out",
    homeserver: session?.homeserver ?? null,
    user_id: session?.userId ?? null,
    device_id: session?.deviceId ?? null,
    fingerprint: identity?.fingerprint ?? null,
    is_cross_signed: identity?.isCrossSigned ?? null,
    backup_version: identity?.backupVersion ?? null,
    last_sync_at: lastSyncAtMs === undefined ? null : new Date(lastSyncAtMs).toISOString(),
    restarts,
    trusted_rooms: trust.rooms,
    trusted_users: trust.users,
    verifications: verifications.map(wireVerification),
    error: error ?? null,
  };
}

const wireVerification = ({ flowId, userId, state, emoji }: Verification) => ({
  flow_id: flowId,
  user_id: userId,
  state,
  emoji: emoji.map((one) => ({ ...one })),
});

async function send({ posts }: MatrixRooms, params: Params<"matrix.send">, { principal, signal }: Call) {
  const { room_id: roomId, wait_ms: waitMs, dedupe_key: dedupeKey, file } = params;
  const post: OutgoingMessage = {
    text: params.message,
    msgtype: params.msgtype,
    ...(params.html === undefined ? {} : { html: params.html }),
    ...(params.thread_id === undefined ? {} : { threadId: params.thread_id }),
    ...(params.reply_to === undefined ? {} : { replyTo: params.reply_to }),
    ...(params.reacts_to === undefined ? {} : { reactsTo: params.reacts_to }),
    ...(file === undefined ? {} : { file: { name: file.name, mimetype: file.mimetype, base64: file.content } }),
  };
  const { transactionId, settled } = await posts.postFor(principal, roomId, post, dedupeKey);
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(waitMs)]);
  const eventId = await settled(deadline);
  const state = eventId === undefined ? ("queued" as const) : ("sent" as const);
  return { room_id: roomId, event_id: eventId ?? null, transaction_id: transactionId, state };
}

async function receive(reader: RoomReader, params: Params<"matrix.receive">, { principal, signal }: Call) {
  const { room_id: roomId, cursor: from, limit, timeout_ms: timeoutMs } = params;
  const query = { roomId, cursor: from, limit, timeoutMs };
  const { messages, cursor, cursorReset } = await reader.receive(principal, query, signal);
  return { events: [...messages], cursor, count: messages.length, cursor_reset: cursorReset };
}

async function download(
  reader: RoomReader,
  { room_id: roomId, event_id: eventId, bytes_max: bytesMax }: Params<"matrix.download">,
  call: StreamingCall<{ content: string }>,
) {
  const file = { roomId, eventId, bytesMax };
  const { sender, name, mimetype, bytes } = await reader.download(call.principal, file, call.signal);
  for (let at = 0; at < bytes.length; at += itemBytes)
    await call.write({ content: new Base64(bytes.subarray(at, at + itemBytes)) });
  return { name, mimetype, size_bytes: bytes.length, sender };
}
