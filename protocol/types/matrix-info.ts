import * as z from "zod";
import { Timestamp } from "./ids.ts";

export const MatrixUserId = z
  .string()
  .max(255)
  .regex(/^@[^:\s\p{Cc}]*:[^\s\p{Cc}]+$/u, "Expected @name:server")
  .meta({ id: "MatrixUserId", description: "A person on Matrix, exactly, e.g. @ann:example.org." });

export const MatrixRoomId = z
  .string()
  .max(255)
  .regex(/^![^\s\p{Cc}]+$/u, "Expected a room id, which begins with !")
  .meta({ id: "MatrixRoomId", description: "A room's id, e.g. !abc:example.org." });

export const MatrixTrust = z.enum(["plain", "unverified", "verified"]).meta({
  id: "MatrixTrust",
  description:
    "verified: encrypted, by a device that its owner has signed; unverified: encrypted, by a device that its owner has not signed; plain: not encrypted, so the homeserver could have written it.",
});

const MatrixMedia = z
  .object({
    uri: z.string().describe("mxc://…"),
    name: z.string(),
    mimetype: z.string().nullable(),
    size_bytes: z.int().nullable(),
    is_encrypted: z.boolean(),
  })
  .meta({ id: "MatrixMedia", description: "A file in a room, by reference." });

export const MatrixMessage = z
  .object({
    room_id: MatrixRoomId,
    room: z
      .string()
      .describe("The room as a segment of a channel: dots, wildcards, percent signs and spaces are percent-encoded."),
    event_id: z.string(),
    sender: MatrixUserId,
    kind: z.enum(["text", "notice", "emote", "image", "file", "audio", "video", "location", "other"]),
    body: z.string(),
    html: z.string().optional(),
    thread_id: z.string().optional().describe("The event that the thread starts from."),
    reply_to: z.string().optional(),
    media: MatrixMedia.optional(),
    trust: MatrixTrust,
    sent_at: Timestamp,
    is_backfilled: z.boolean().describe("Whether it was written while the bridge was not connected."),
  })
  .meta({ id: "MatrixMessage" });
export type MatrixMessage = z.output<typeof MatrixMessage>;

export const exampleMessage = {
  room_id: "!abc:example.org",
  room: "!abc:example%2Eorg",
  event_id: "$1",
  sender: "@ann:example.org",
  kind: "text" as const,
  body: "Good morning",
  trust: "verified" as const,
  sent_at: "2026-11-21T08:00:00.000Z",
  is_backfilled: false,
};

export const MatrixVerification = z
  .object({
    flow_id: z.string(),
    user_id: MatrixUserId,
    state: z.enum(["requested", "compare", "done", "cancelled"]),
    emoji: z
      .array(z.object({ symbol: z.string(), name: z.string() }))
      .describe("While the state is `compare`: what the other device must show, in this order."),
  })
  .meta({ id: "MatrixVerification" });
export type MatrixVerification = z.output<typeof MatrixVerification>;
