import { BridgeError, type EventEnvelope, type MatrixMessage, type Params, type Principal } from "@armorclaw/protocol";
import type { Access } from "../access/index.ts";
import {
  type Credentials,
  type MatrixAccount,
  type MatrixTrust,
  type OutgoingMessage,
  type OutgoingMessages,
  roomSegment,
  type Verification,
} from "../adapters/matrix/index.ts";
import type { DurableEventLog } from "../events/index.ts";
import type { Call, Handlers, StreamingCall } from "../rpc/index.ts";
import { Base64, itemBytes } from "../rpc/index.ts";

type MatrixMethods =
  | "matrix.login"
  | "matrix.logout"
  | "matrix.recovery_key"
  | "matrix.status"
  | "matrix.send"
  | "matrix.receive"
  | "matrix.download"
  | "matrix.rooms"
  | "matrix.join"
  | "matrix.verify";

export interface MatrixHandlerDeps {
  readonly adapter: MatrixAccount;
  readonly posts: OutgoingMessages;
  readonly log: DurableEventLog;
  readonly access: Pick<Access, "channels" | "mayUseChannel">;
  readonly trust: MatrixTrust & { readonly rooms: number; readonly users: number };
  /** The configuration's homeserver. */
  readonly homeserver: string | undefined;
  /** An admin may see a recovery key. */
  readonly mayReveal: boolean;
}

export function matrixHandlers(deps: MatrixHandlerDeps): Handlers<MatrixMethods> {
  const { adapter, trust } = deps;
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
    "matrix.recovery_key": async ({ user_id: wanted }, { principal }) => {
      if (!deps.mayReveal) throw new BridgeError("REVEAL_DISABLED");
      if (principal.kind !== "user")
        throw new BridgeError("FORBIDDEN", "A key is shown at the bridge's own socket alone");
      const { userId, shown } = await adapter.recovery.show(wanted);
      return { user_id: userId, recovery_key: shown };
    },
    "matrix.status": () => status(deps),
    "matrix.send": async (params, call) => {
      assertMay(deps, call.principal, params.room_id, "publish");
      return await send(deps, params, call.signal);
    },
    "matrix.receive": (params, call) => receive(deps, params, call),
    "matrix.rooms": async (_, { signal }) => {
      const rooms = await adapter.rooms(signal);
      return {
        rooms: rooms.map(({ roomId, inviter, ...room }) => ({
          room_id: roomId,
          ...room,
          is_trusted: trust.isTrustedRoom(roomId),
          ...(inviter === undefined ? {} : { inviter }),
        })),
      };
    },
    "matrix.download": (params, call) => download(deps, params, call),
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

function status({ adapter, trust }: MatrixHandlerDeps) {
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

/** An agent's right to a room is its right to the room's messages. */
function assertMay({ access }: MatrixHandlerDeps, principal: Principal, roomId: string, use: "publish" | "subscribe") {
  if (principal.kind !== "agent" || access.mayUseChannel(principal, `matrix.${roomSegment(roomId)}.message`, use))
    return;
  throw new BridgeError("FORBIDDEN", `${principal.id} was not granted the room ${roomId}`, { room_id: roomId });
}

async function send({ posts }: MatrixHandlerDeps, params: Params<"matrix.send">, signal: AbortSignal) {
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
  const { transactionId, settled } = await posts.post(roomId, post, dedupeKey);
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(waitMs)]);
  const eventId = await settled(deadline);
  const state = eventId === undefined ? ("queued" as const) : ("sent" as const);
  return { room_id: roomId, event_id: eventId ?? null, transaction_id: transactionId, state };
}

async function receive(deps: MatrixHandlerDeps, params: Params<"matrix.receive">, { principal, signal }: Call) {
  const { log, access } = deps;
  const { room_id: roomId, limit, timeout_ms: timeoutMs } = params;
  if (roomId !== undefined) assertMay(deps, principal, roomId, "subscribe");
  const rights = access.channels(principal, "subscribe");
  const granted =
    principal.kind === "agent" ? rights.filter((channel) => channel.startsWith("matrix.")) : ["matrix.*.message"];
  const channels = roomId === undefined ? granted : [`matrix.${roomSegment(roomId)}.message`];
  const selector = { channels, types: ["matrix.message"] };
  const from = params.cursor ?? log.lastSeq;
  const page = () => log.history(selector, from, limit);
  let found = page();
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  while (found.events.length === 0 && timeoutMs > 0 && !deadline.aborted) {
    await nextMessage(log, deadline);
    found = page();
  }
  const events = found.events.map(({ data }) => data as MatrixMessage);
  return { events, cursor: found.cursor, count: events.length, cursor_reset: found.cursorReset };
}

/** Only what is heard may be fetched: a trusted person's file in a trusted room. */
async function download(
  deps: MatrixHandlerDeps,
  { room_id: roomId, event_id: eventId, bytes_max: bytesMax }: Params<"matrix.download">,
  call: StreamingCall<{ content: string }>,
) {
  const { adapter, trust } = deps;
  assertMay(deps, call.principal, roomId, "subscribe");
  if (!trust.isTrustedRoom(roomId)) throw new BridgeError("MATRIX_ROOM_NOT_TRUSTED", undefined, { room_id: roomId });
  const { sender, name, mimetype, bytes } = await adapter.media.download({ roomId, eventId, bytesMax }, call.signal);
  if (trust.roleOf(sender) === undefined)
    throw new BridgeError("MATRIX_REFUSED", `${sender}, who sent the file, is not somebody whom the bridge hears`);
  for (let at = 0; at < bytes.length; at += itemBytes)
    await call.write({ content: new Base64(bytes.subarray(at, at + itemBytes)) });
  return { name, mimetype, size_bytes: bytes.length, sender };
}

/** Resolves at the next message of any room, or when the signal aborts. */
function nextMessage(log: DurableEventLog, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      unfollow();
      signal.removeEventListener("abort", end);
      resolve();
    };
    const unfollow = log.follow({
      offer: ({ event }: { readonly event: EventEnvelope }) => {
        if (event.type === "matrix.message") end();
      },
    });
    signal.addEventListener("abort", end, { once: true });
    if (signal.aborted) end();
  });
}
