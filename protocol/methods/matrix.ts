import * as z from "zod";
import { defineMethod } from "../types/define.ts";
import { Timestamp } from "../types/ids.ts";
import { exampleMessage, MatrixMessage, MatrixRoomId, MatrixUserId, MatrixVerification } from "../types/matrix-info.ts";
import { operators, people } from "../types/roles.ts";

const status = defineMethod({
  summary: "Show the state of the connection to the homeserver.",
  roles: people,
  effect: "read",
  scope: { channels: ["matrix.>"] },
  params: z.strictObject({}),
  result: z.object({
    enabled: z.boolean(),
    status: z
      .enum(["not_configured", "locked", "connecting", "connected", "disconnected", "logged_out"])
      .describe(
        "locked: the login is in the keystore, which is locked. logged_out: the homeserver does not accept the login any more; log in again.",
      ),
    connected: z.boolean(),
    logged_in: z.boolean(),
    homeserver: z.string().nullable(),
    user_id: MatrixUserId.nullable(),
    device_id: z.string().nullable(),
    fingerprint: z.string().nullable().describe("The device's fingerprint, as other clients show it."),
    is_cross_signed: z.boolean().nullable(),
    backup_version: z.string().nullable(),
    last_sync_at: Timestamp.nullable(),
    restarts: z.int().describe("How often the Matrix worker was restarted since the bridge started."),
    trusted_rooms: z.int(),
    trusted_users: z.int(),
    verifications: z.array(MatrixVerification),
    error: z.string().nullable(),
  }),
  errors: [],
  example: {
    params: {},
    result: {
      enabled: true,
      status: "connected",
      connected: true,
      logged_in: true,
      homeserver: "https://matrix.example.org",
      user_id: "@bridge:example.org",
      device_id: "ABCDEFGHIJ",
      fingerprint: "3Q…",
      is_cross_signed: true,
      backup_version: "1",
      last_sync_at: "2026-11-21T08:00:00.000Z",
      restarts: 0,
      trusted_rooms: 1,
      trusted_users: 1,
      verifications: [],
      error: null,
    },
  },
});

const send = defineMethod({
  summary: "Send a message to a room that the configuration names.",
  description:
    "The message is queued on disk first and sent once, even when the bridge is killed meanwhile. The answer comes when the homeserver has the message, or after `wait_ms` with the state `queued`.",
  roles: ["admin", "operator", "agent"],
  effect: "write",
  scope: { channels: ["matrix.>"] },
  params: z.strictObject({
    room_id: MatrixRoomId,
    message: z.string().min(1).max(40_000).describe("The text; for a reaction, the emoji; for a file, its caption."),
    msgtype: z.enum(["m.text", "m.notice", "m.emote"]).default("m.text"),
    html: z.string().max(20_000).optional().describe("The message in HTML."),
    thread_id: z.string().max(255).optional(),
    reply_to: z.string().max(255).optional(),
    reacts_to: z.string().max(255).optional().describe("The event that `message`, an emoji, is a reaction to."),
    file: z
      .strictObject({
        name: z.string().min(1).max(200),
        mimetype: z.string().max(100).default("application/octet-stream"),
        content: z.base64().max(8_000_000),
      })
      .optional(),
    dedupe_key: z
      .string()
      .min(1)
      .max(200)
      .optional()
      .describe("An idempotency key: messages with the same key are sent once."),
    wait_ms: z.int().min(0).max(60_000).default(10_000),
  }),
  result: z.object({
    room_id: MatrixRoomId,
    event_id: z.string().nullable().describe("Null while it is queued."),
    transaction_id: z.string(),
    state: z.enum(["queued", "sent"]),
  }),
  errors: [
    "MATRIX_LOGGED_OUT",
    "MATRIX_ROOM_NOT_TRUSTED",
    "MATRIX_REFUSED",
    "MATRIX_NOT_READY",
    "MATRIX_UNREACHABLE",
    "MATRIX_RATE_LIMITED",
    "OUTBOX_FULL",
  ],
  example: {
    params: { room_id: "!abc:example.org", message: "Good morning" },
    result: { room_id: "!abc:example.org", event_id: "$5", transaction_id: "t1", state: "sent" },
  },
});

const receive = defineMethod({
  summary: "Pull messages of trusted people in trusted rooms.",
  description: "An agent pulls from the rooms that it was granted.",
  roles: ["admin", "operator", "viewer", "agent"],
  effect: "read",
  scope: { channels: ["matrix.>"] },
  params: z.strictObject({
    cursor: z
      .int()
      .min(0)
      .optional()
      .describe(
        "Only messages after this. When it is left out, each message is given once to the caller, and first the newest ones.",
      ),
    room_id: MatrixRoomId.optional(),
    limit: z.int().min(1).max(1000).default(100),
    timeout_ms: z.int().min(0).max(60_000).default(0).describe("Wait up to this time for the first message."),
  }),
  result: z.object({
    events: z.array(MatrixMessage),
    cursor: z.int().describe("Pass this as `cursor` to go on."),
    count: z.int(),
    cursor_reset: z.boolean().describe("True when messages after the given cursor are no longer remembered."),
  }),
  errors: [],
  example: { params: { cursor: 0 }, result: { events: [exampleMessage], cursor: 7, count: 1, cursor_reset: false } },
});

const download = defineMethod({
  summary: "Stream the file of a message.",
  description:
    "People can download files of trusted people's messages in rooms that the configuration names; an agent in rooms that it was granted. Encrypted files are decrypted and checked against their hash. The content is streamed in base64.",
  roles: ["admin", "operator", "viewer", "agent"],
  effect: "read",
  scope: { channels: ["matrix.>"] },
  params: z.strictObject({
    room_id: MatrixRoomId,
    event_id: z.string().min(2).max(255).describe("The message's id from `matrix.receive`."),
    bytes_max: z
      .int()
      .min(1)
      .max(64 * 1024 * 1024)
      .default(16 * 1024 * 1024)
      .describe("A larger file is refused."),
  }),
  stream: z.object({ content: z.base64() }),
  result: z.object({ name: z.string(), mimetype: z.string(), size_bytes: z.int(), sender: MatrixUserId }),
  errors: [
    "MATRIX_LOGGED_OUT",
    "KEYSTORE_LOCKED",
    "MATRIX_ROOM_NOT_TRUSTED",
    "MATRIX_NOT_READY",
    "MATRIX_REFUSED",
    "MATRIX_UNREACHABLE",
    "MATRIX_RATE_LIMITED",
  ],
  example: {
    params: { room_id: "!abc:example.org", event_id: "$1" },
    result: { name: "plan.pdf", mimetype: "application/pdf", size_bytes: 48_213, sender: "@ann:example.org" },
  },
});

const rooms = defineMethod({
  summary: "List the rooms that the bridge's account is in or invited to.",
  roles: people,
  effect: "read",
  scope: { channels: ["matrix.>"] },
  params: z.strictObject({}),
  result: z.object({
    rooms: z.array(
      z.object({
        room_id: MatrixRoomId,
        name: z.string(),
        membership: z.enum(["join", "invite"]),
        encrypted: z.boolean(),
        members: z.int(),
        is_trusted: z.boolean().describe("The configuration names it, or the room whose place it took."),
        successor_of: MatrixRoomId.optional().describe("The configured room that was upgraded to this one."),
        inviter: MatrixUserId.optional(),
      }),
    ),
  }),
  errors: ["MATRIX_LOGGED_OUT", "KEYSTORE_LOCKED", "MATRIX_NOT_READY"],
  example: {
    params: {},
    result: {
      rooms: [
        {
          room_id: "!abc:example.org",
          name: "Bridge",
          membership: "join",
          encrypted: true,
          members: 2,
          is_trusted: true,
        },
      ],
    },
  },
});

const join = defineMethod({
  summary: "Join a room.",
  roles: operators,
  effect: "write",
  scope: { channels: ["matrix.>"] },
  params: z.strictObject({ room: z.string().min(2).max(255).describe("A room's id, or its alias.") }),
  result: z.object({ room_id: MatrixRoomId, is_trusted: z.boolean() }),
  errors: [
    "MATRIX_LOGGED_OUT",
    "KEYSTORE_LOCKED",
    "MATRIX_NOT_READY",
    "MATRIX_REFUSED",
    "MATRIX_UNREACHABLE",
    "MATRIX_RATE_LIMITED",
  ],
  example: { params: { room: "!abc:example.org" }, result: { room_id: "!abc:example.org", is_trusted: true } },
});

const verify = defineMethod({
  summary: "Verify a person's device by comparing emoji.",
  description:
    "With `user_id`, asks that person's devices (for the account's own id, its other devices) and answers when emoji must be compared. With `flow_id` and `is_equal`, confirms or rejects the comparison.",
  roles: ["admin"],
  effect: "write",
  audited: true,
  params: z.strictObject({
    user_id: MatrixUserId.optional(),
    flow_id: z.string().max(300).optional(),
    is_equal: z.boolean().optional(),
    wait_ms: z.int().min(0).max(110_000).default(60_000),
  }),
  result: MatrixVerification,
  errors: ["MATRIX_LOGGED_OUT", "KEYSTORE_LOCKED", "MATRIX_NOT_READY", "MATRIX_REFUSED"],
  example: {
    params: { user_id: "@ann:example.org" },
    result: { flow_id: "f1", user_id: "@ann:example.org", state: "compare", emoji: [{ symbol: "🐶", name: "dog" }] },
  },
});

/** Every method of this file, by its name. */
export const matrixMethods = {
  "matrix.status": status,
  "matrix.send": send,
  "matrix.receive": receive,
  "matrix.download": download,
  "matrix.rooms": rooms,
  "matrix.join": join,
  "matrix.verify": verify,
} as const;
