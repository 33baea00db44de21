import * as z from "zod";
import type { EventDraft } from "../../../events/index.ts";
import type { InboundEvent, Trust } from "../protocol/worker-protocol.ts";

/** The trusted rooms and people. Empty means none: everything else is ignored. */
export interface MatrixTrust {
  isTrustedRoom(roomId: string): boolean;
  /** By the exact Matrix id. Undefined for people who are not trusted. */
  roleOf(userId: string): MatrixRole | undefined;
}

export type MatrixRole = "admin" | "operator" | "viewer";

/** A message of a trusted person in a trusted room, as its event has it. */
export interface InboundMessage {
  readonly room_id: string;
  readonly room: string;
  readonly event_id: string;
  readonly sender: string;
  readonly kind: string;
  readonly body: string;
  readonly html?: string;
  readonly thread_id?: string;
  readonly reply_to?: string;
  readonly media?: object;
  readonly trust: Trust;
  readonly sent_at: string;
  readonly is_backfilled: boolean;
}

export interface InboundReaction {
  readonly room_id: string;
  readonly room: string;
  readonly event_id: string;
  readonly sender: string;
  readonly target_event_id: string;
  readonly key: string;
  readonly sent_at: string;
}

export interface InboundEdit {
  readonly room_id: string;
  readonly room: string;
  readonly event_id: string;
  readonly sender: string;
  readonly target_event_id: string;
  readonly body: string;
  readonly trust: Trust;
  readonly sent_at: string;
}

/** A message was removed, by any member of the room. */
export interface InboundRedaction {
  readonly room_id: string;
  readonly room: string;
  readonly event_id: string;
  readonly sender: string;
  readonly target_event_id: string;
  readonly sent_at: string;
}

export type Inbound =
  | { readonly type: "matrix.edited"; readonly data: InboundEdit }
  | { readonly type: "matrix.redacted"; readonly data: InboundRedaction }
  | { readonly type: "matrix.message"; readonly data: InboundMessage }
  | { readonly type: "matrix.reaction"; readonly data: InboundReaction }
  | { readonly type: "matrix.undecryptable"; readonly data: Readonly<Record<string, unknown>> };

/** A room as one segment of a channel: what a segment may not have is percent-encoded. */
export const roomSegment = (roomId: string): string =>
  roomId.replaceAll(/[%.*>\s\p{Cc}]/gu, (character) =>
    [...Buffer.from(character)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join(""),
  );

/** The pattern of all channels of a room. */
export const roomChannels = (roomId: string): string => `matrix.${roomSegment(roomId)}.>`;

/** Parses an event. Undefined for events that the bridge ignores. */
export function readInbound(event: InboundEvent, trust: MatrixTrust): Inbound | undefined {
  const { roomId, eventId, sender } = event;
  if (!trust.isTrustedRoom(roomId)) return undefined;
  const base = { room_id: roomId, room: roomSegment(roomId), event_id: eventId, sender };
  if (event.type === "m.room.redaction" && event.undecryptable === undefined) {
    const redaction = Redaction.safeParse(event.content);
    if (!redaction.success) return undefined;
    const target = { target_event_id: redaction.data.redacts, sent_at: timeOf(event.sentAtMs) };
    return { type: "matrix.redacted", data: { ...base, ...target } };
  }
  if (trust.roleOf(sender) === undefined) return undefined;
  if (event.undecryptable !== undefined)
    return { type: "matrix.undecryptable", data: { ...base, reason: event.undecryptable } };
  const sentAt = { sent_at: timeOf(event.sentAtMs) };
  if (event.type === "m.reaction") return readReaction(event, { ...base, ...sentAt });
  const message = Message.safeParse(event.content);
  if (event.type !== "m.room.message" || !message.success) return undefined;
  // Messages between devices are not for people.
  if (message.data.msgtype.startsWith("m.key.verification.")) return undefined;
  const { body, msgtype, formatted_body: html, "m.relates_to": relation, "m.new_content": edited } = message.data;
  if (relation?.rel_type === "m.replace") {
    if (relation.event_id === undefined) return undefined;
    const edit = { target_event_id: relation.event_id, body: edited?.body ?? body, trust: event.trust };
    return { type: "matrix.edited", data: { ...base, ...edit, ...sentAt } };
  }
  const threadId = relation?.rel_type === "m.thread" ? relation.event_id : undefined;
  const replyTo = relation?.is_falling_back === true ? undefined : relation?.["m.in_reply_to"]?.event_id;
  return {
    type: "matrix.message",
    data: {
      ...base,
      kind: kinds.get(msgtype) ?? "other",
      body,
      ...(html === undefined ? {} : { html }),
      ...(threadId === undefined ? {} : { thread_id: threadId }),
      ...(replyTo === undefined ? {} : { reply_to: replyTo }),
      ...mediaOf(message.data),
      trust: event.trust,
      ...sentAt,
      is_backfilled: event.isBackfilled,
    },
  };
}

const priorities = {
  "matrix.edited": "normal",
  "matrix.redacted": "normal",
  "matrix.message": "normal",
  "matrix.reaction": "low",
  "matrix.undecryptable": "high",
} as const;

export function inboundDraft({ type, data }: Inbound): EventDraft {
  return {
    channel: `matrix.${String(data["room"])}.${type.slice("matrix.".length)}`,
    type,
    source: `matrix:${String(data["sender"])}`,
    priority: priorities[type],
    data: { ...data },
  };
}

const kinds = new Map([
  ["m.text", "text"],
  ["m.notice", "notice"],
  ["m.emote", "emote"],
  ["m.image", "image"],
  ["m.file", "file"],
  ["m.audio", "audio"],
  ["m.video", "video"],
  ["m.location", "location"],
]);

const eventId = z.string().max(255);
/** Homeservers and people may send anything. Events of another form are ignored. */
const Message = z.object({
  msgtype: z.string().max(100),
  body: z.string(),
  format: z.string().optional().catch(undefined),
  formatted_body: z.string().optional().catch(undefined),
  url: z.string().max(500).optional().catch(undefined),
  file: z
    .object({ url: z.string().max(500) })
    .optional()
    .catch(undefined),
  filename: z.string().max(500).optional().catch(undefined),
  info: z
    .object({
      mimetype: z.string().max(200).optional().catch(undefined),
      size: z.int().optional().catch(undefined),
    })
    .optional()
    .catch(undefined),
  "m.new_content": z.object({ body: z.string() }).optional().catch(undefined),
  "m.relates_to": z
    .object({
      rel_type: z.string().optional(),
      event_id: eventId.optional(),
      is_falling_back: z.boolean().optional().catch(undefined),
      "m.in_reply_to": z.object({ event_id: eventId }).optional().catch(undefined),
    })
    .optional(),
});

const Redaction = z.object({ redacts: eventId });

const Reaction = z.object({
  "m.relates_to": z.object({ rel_type: z.literal("m.annotation"), event_id: eventId, key: z.string().max(100) }),
});

function readReaction(
  event: InboundEvent,
  base: Omit<InboundReaction, "target_event_id" | "key">,
): Inbound | undefined {
  const reaction = Reaction.safeParse(event.content);
  if (!reaction.success) return undefined;
  const { event_id: target, key } = reaction.data["m.relates_to"];
  // Clients differ in variation selectors and skin tones.
  const plain = key.replaceAll(/[\u{FE0E}\u{FE0F}\u{1F3FB}-\u{1F3FF}]/gu, "");
  return { type: "matrix.reaction", data: { ...base, target_event_id: target, key: plain } };
}

function mediaOf({ url, file, filename, body, info }: z.output<typeof Message>): { media?: object } {
  const uri = file?.url ?? url;
  if (uri === undefined) return {};
  const { mimetype = null, size = null } = info ?? {};
  return { media: { uri, name: filename ?? body, mimetype, size_bytes: size, is_encrypted: file !== undefined } };
}

/** A homeserver may send any number. An invalid date becomes the epoch. */
function timeOf(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? new Date(0).toISOString() : date.toISOString();
}
