import * as z from "zod";
import type { Uploaded } from "../protocol/worker-protocol.ts";

/** A message as callers pass it and the queue keeps it. */
export const OutgoingMessage = z.object({
  text: z.string(),
  msgtype: z.enum(["m.text", "m.notice", "m.emote"]).default("m.text"),
  html: z.string().optional(),
  /** The root event of the thread. */
  threadId: z.string().optional(),
  replyTo: z.string().optional(),
  /** `text` is then an emoji. */
  reactsTo: z.string().optional(),
  /** The approval that the message asks for. It is not sent to the room. */
  approvalId: z.string().optional(),
  file: z.object({ name: z.string(), mimetype: z.string(), base64: z.string() }).optional(),
});
export type OutgoingMessage = z.output<typeof OutgoingMessage>;

export interface EventContent {
  readonly type: "m.room.message" | "m.reaction";
  readonly content: Readonly<Record<string, unknown>>;
}

/** The event that carries the message. */
export function eventContent(message: OutgoingMessage, uploaded: Uploaded | undefined): EventContent {
  const { text, reactsTo } = message;
  if (reactsTo !== undefined) {
    const relation = { rel_type: "m.annotation", event_id: reactsTo, key: text };
    return { type: "m.reaction", content: { "m.relates_to": relation } };
  }
  const relation = relationOf(message);
  const content = {
    ...(uploaded === undefined ? textContent(message) : fileContent(message, uploaded)),
    // The bridge's messages mention nobody, whatever their text contains.
    "m.mentions": {},
    ...(relation === undefined ? {} : { "m.relates_to": relation }),
  };
  return { type: "m.room.message", content };
}

function textContent({ text, msgtype, html }: OutgoingMessage): object {
  const formatted = html === undefined ? {} : { format: "org.matrix.custom.html", formatted_body: html };
  return { msgtype, body: text, ...formatted };
}

function fileContent({ text, file }: OutgoingMessage, uploaded: Uploaded): object {
  const { name = "file", mimetype = "application/octet-stream", base64 = "" } = file ?? {};
  const major = mimetype.split("/")[0] ?? "";
  const msgtype = ["image", "audio", "video"].includes(major) ? `m.${major}` : "m.file";
  const info = { mimetype, size: Buffer.byteLength(base64, "base64") };
  return { msgtype, body: text, filename: name, info, ...uploaded };
}

function relationOf({ threadId, replyTo }: OutgoingMessage): object | undefined {
  const reply = (eventId: string) => ({ "m.in_reply_to": { event_id: eventId } });
  if (threadId === undefined) return replyTo === undefined ? undefined : reply(replyTo);
  // Clients without threads show the reply.
  const falling = { is_falling_back: replyTo === undefined, ...reply(replyTo ?? threadId) };
  return { rel_type: "m.thread", event_id: threadId, ...falling };
}
