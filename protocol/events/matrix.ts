import * as z from "zod";
import { defineEvent } from "../types/define.ts";
import { Timestamp } from "../types/ids.ts";
import { MatrixMessage, MatrixRoomId, MatrixUserId, MatrixVerification } from "../types/matrix-info.ts";

const exampleRoom = { room_id: "!abc:example.org", room: "!abc:example%2Eorg" };

const where = {
  room_id: MatrixRoomId,
  room: z
    .string()
    .describe("The room as a segment of a channel: dots, wildcards, percent signs and spaces are percent-encoded."),
};

const message = defineEvent({
  summary: "A person whom the configuration trusts wrote in a room that it names.",
  channel: "matrix.<room>.message",
  priority: "normal",
  data: MatrixMessage,
  example: {
    ...exampleRoom,
    event_id: "$1",
    sender: "@ann:example.org",
    kind: "text",
    body: "Good morning",
    trust: "verified",
    sent_at: "2026-11-21T08:00:00.000Z",
    is_backfilled: false,
  },
});

const reaction = defineEvent({
  summary: "A trusted person reacted to a message. Reactions are never encrypted.",
  channel: "matrix.<room>.reaction",
  priority: "low",
  data: z.object({
    ...where,
    event_id: z.string(),
    sender: MatrixUserId,
    target_event_id: z.string(),
    key: z.string().describe("The emoji, without variation selectors."),
    sent_at: Timestamp,
  }),
  example: {
    ...exampleRoom,
    event_id: "$2",
    sender: "@ann:example.org",
    target_event_id: "$1",
    key: "✅",
    sent_at: "2026-11-21T08:00:00.000Z",
  },
});

const edited = defineEvent({
  summary: "A trusted person edited a message. The bridge does not execute an edited command.",
  channel: "matrix.<room>.edited",
  priority: "normal",
  data: z.object({
    ...where,
    event_id: z.string(),
    sender: MatrixUserId,
    target_event_id: z.string().describe("The message that was edited."),
    body: z.string().describe("The whole new text."),
    trust: z.enum(["plain", "unverified", "verified"]),
    sent_at: Timestamp,
  }),
  example: {
    ...exampleRoom,
    event_id: "$6",
    sender: "@ann:example.org",
    target_event_id: "$1",
    body: "Good evening",
    trust: "verified",
    sent_at: "2026-11-21T08:00:00.000Z",
  },
});

const redacted = defineEvent({
  summary: "A message was removed from a room. The bridge's log keeps what it received before.",
  channel: "matrix.<room>.redacted",
  priority: "normal",
  data: z.object({
    ...where,
    event_id: z.string(),
    sender: MatrixUserId.describe("Who removed it; any member may be allowed to."),
    target_event_id: z.string().describe("The message that was removed."),
    sent_at: Timestamp,
  }),
  example: {
    ...exampleRoom,
    event_id: "$7",
    sender: "@ann:example.org",
    target_event_id: "$1",
    sent_at: "2026-11-21T08:00:00.000Z",
  },
});

const commandRefused = defineEvent({
  summary: "A command was refused before it was executed. Published for a limited number of commands in a time.",
  channel: "matrix.<room>.command_refused",
  priority: "high",
  data: z.object({
    ...where,
    event_id: z.string(),
    sender: MatrixUserId,
    command: z.string(),
    reason: z.enum([
      "unknown_sender",
      "unknown_room",
      "not_encrypted",
      "not_verified",
      "wrong_code",
      "too_old",
      "edited",
    ]),
  }),
  example: { ...exampleRoom, event_id: "$8", sender: "@eve:example.org", command: "panic", reason: "unknown_sender" },
});

const roomUpgraded = defineEvent({
  summary: "A room was upgraded: another room takes its place.",
  channel: "matrix.<room>.room_upgraded",
  priority: "high",
  data: z.object({
    ...where,
    sender: MatrixUserId,
    successor: z.string().describe("The id of the room that takes its place."),
    is_followed: z
      .boolean()
      .describe("True when an operator or admin upgraded it: messages for the room go to the successor from now on."),
  }),
  example: { ...exampleRoom, sender: "@ann:example.org", successor: "!def:example.org", is_followed: true },
});

const undecryptable = defineEvent({
  summary:
    "A trusted person's message cannot be decrypted yet. It is published as `matrix.message` when its key arrives.",
  channel: "matrix.<room>.undecryptable",
  priority: "high",
  data: z.object({ ...where, event_id: z.string(), sender: MatrixUserId, reason: z.string() }),
  example: { ...exampleRoom, event_id: "$3", sender: "@ann:example.org", reason: "MEGOLM_UNKNOWN_INBOUND_SESSION_ID" },
});

const messagesMissed = defineEvent({
  summary: "Messages that were written in a room while the bridge was not connected may have been missed.",
  channel: "matrix.<room>.messages_missed",
  priority: "high",
  data: z.object({ ...where, reason: z.string() }),
  example: { ...exampleRoom, reason: "only the oldest 5000 events of the gap were read" },
});

const delivery = defineEvent({
  summary: "The delivery of a message made progress: queued → sent → echoed → read.",
  channel: "matrix.<room>.delivery",
  priority: "low",
  data: z.object({
    ...where,
    transaction_id: z.string(),
    event_id: z.string().nullable().describe("Null while it is queued."),
    state: z
      .enum(["queued", "sent", "echoed", "read"])
      .describe(
        "queued: the message is on disk; sent: the homeserver has it; echoed: it was received by sync; read: a trusted person's receipt covers it.",
      ),
  }),
  example: { ...exampleRoom, transaction_id: "t1", event_id: "$4", state: "echoed" },
});

const link = defineEvent({
  summary: "The link to the homeserver changed.",
  channel: "matrix.link",
  priority: "high",
  data: z.object({
    state: z.enum(["live", "reconnecting", "restarting"]),
    reason: z.string().optional(),
  }),
  example: { state: "reconnecting" },
});

const linkLost = defineEvent({
  summary: "The homeserver has not answered for `matrix.lost_after_ms`: messages are neither received nor sent.",
  channel: "matrix.link_lost",
  priority: "critical",
  data: z.object({ homeserver: z.string(), since: Timestamp }),
  example: { homeserver: "https://matrix.example.org", since: "2026-11-21T08:00:00.000Z" },
});

const linkRestored = defineEvent({
  summary: "The homeserver answers again after `matrix.link_lost`.",
  channel: "matrix.link_restored",
  priority: "high",
  data: z.object({ homeserver: z.string() }),
  example: { homeserver: "https://matrix.example.org" },
});

const loggedIn = defineEvent({
  summary: "The bridge was logged in to a homeserver.",
  channel: "matrix.logged_in",
  priority: "high",
  data: z.object({ user_id: MatrixUserId, device_id: z.string() }),
  example: { user_id: "@bridge:example.org", device_id: "ABCDEFGHIJ" },
});

const loggedOut = defineEvent({
  summary: "The homeserver does not accept the bridge's token any more. A person must log in again.",
  channel: "matrix.logged_out",
  priority: "critical",
  data: z.object({
    user_id: MatrixUserId,
    reason: z.string().describe("The homeserver's."),
    is_soft: z.boolean().describe("The next login keeps the device and its keys."),
  }),
  example: { user_id: "@bridge:example.org", reason: "Invalid access token passed.", is_soft: false },
});

const verification = defineEvent({
  summary: "The verification of another device by emoji changed its state.",
  channel: "matrix.verification",
  priority: "high",
  data: MatrixVerification,
  example: { flow_id: "f1", user_id: "@ann:example.org", state: "compare", emoji: [{ symbol: "🐶", name: "dog" }] },
});

const invited = defineEvent({
  summary: "The bridge's account was invited to a room that it did not join.",
  channel: "matrix.invited",
  priority: "normal",
  data: z.object({ room_id: MatrixRoomId, inviter: MatrixUserId }),
  example: { room_id: "!abc:example.org", inviter: "@ann:example.org" },
});

/** Every event of this file, by its type. */
export const matrixEvents = {
  "matrix.message": message,
  "matrix.reaction": reaction,
  "matrix.edited": edited,
  "matrix.redacted": redacted,
  "matrix.command_refused": commandRefused,
  "matrix.room_upgraded": roomUpgraded,
  "matrix.undecryptable": undecryptable,
  "matrix.messages_missed": messagesMissed,
  "matrix.delivery": delivery,
  "matrix.link": link,
  "matrix.link_lost": linkLost,
  "matrix.link_restored": linkRestored,
  "matrix.logged_in": loggedIn,
  "matrix.logged_out": loggedOut,
  "matrix.verification": verification,
  "matrix.invited": invited,
} as const;
